-- needs: full
-- Remove a worker that has nothing active, or whose lease has run out and whose jobs were recovered.
if only_if_expired then
  local time = redis.call('TIME')
  local lease = redis.call('ZSCORE', workers_key, worker)
  if lease and tonumber(lease) > tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000 then return 0 end
end
for i = lists_first, lists_last do
  if redis.call('TYPE', ARGV[i]).ok == 'list' then return 0 end
end
redis.call('ZREM', workers_key, worker)
redis.call('DEL', worker_key(worker), cancels_key(worker))
return 1
