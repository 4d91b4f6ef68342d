-- needs: full stats
-- Count outcomes of jobs that another worker had taken over before they arrived: in the statistics of their queues,
--   and in the hash of the worker that sent them. Moves no job.
local total, key = 0, worker_key(worker)
for i = dropped_first, dropped_last, DROPPED_COUNT.SIZE do
  local count = tonumber(ARGV[i + DROPPED_COUNT.outcomes])
  tally(ARGV[i + DROPPED_COUNT.queue], 'outcomes_dropped', count)
  total = total + count
end
write_tally(tonumber(redis.call('TIME')[1]))
if type(redis.pcall('HINCRBY', key, 'outcomes_dropped', total)) == 'number' then
  redis.call('EXPIRE', key, DROPPED_TTL)
end
