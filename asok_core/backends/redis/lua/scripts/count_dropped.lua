-- needs: full stats
-- count_dropped: count outcomes of jobs that another worker had taken over before they arrived: in the statistics
--   of their queues, and in the hash of the worker whose outcomes they were. Moves no job.
-- ARGV: ns, worker, then each: queue, how many
-- Reply: nothing
local ns, key, total = ARGV[1], ARGV[1] .. ':worker:' .. ARGV[2], 0
for i = 3, #ARGV, 2 do
  tally(ARGV[i], 'outcomes_dropped', tonumber(ARGV[i + 1]))
  total = total + tonumber(ARGV[i + 1])
end
write_tally(ns, tonumber(redis.call('TIME')[1]))
if type(redis.pcall('HINCRBY', key, 'outcomes_dropped', total)) == 'number' then redis.call('EXPIRE', key, 86400) end
