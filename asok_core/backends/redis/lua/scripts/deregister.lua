-- needs: full event lost_worker
-- Remove a worker that has nothing active: it stops (for `reason`), or its lease has run out and what it held was
--   recovered, at last by `by`.
if only_if_expired then
  local time = redis.call('TIME')
  local lease = redis.call('ZSCORE', workers_key, worker)
  if lease and tonumber(lease) > tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000 then return 0 end
end
for i = lists_first, lists_last do
  if redis.call('TYPE', ARGV[i]).ok == 'list' then return 0 end
end
if only_if_expired then note_lost(worker, by) end
local key = worker_key(worker)
if redis.call('ZSCORE', workers_key, worker) then
  if only_if_expired then
    note_recovered(worker, by)
  else
    local known = redis.pcall('HMGET', key, 'host', 'queues')
    add_event('worker_stopped', { 'worker', worker, 'host', known[1] or '', 'queues', known[2] or '', 'reason', reason })
  end
end
redis.call('ZREM', workers_key, worker)
redis.call('DEL', key, cancels_key(worker), ends_key(worker), stacks_key(worker))
return 1
