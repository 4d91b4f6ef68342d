-- needs: full
-- leave: a worker that has nothing active any more, or whose lease has run out and was recovered, goes.
-- ARGV: ns, worker, only_if_expired (0/1), then its active lists
-- Reply: 1 gone; 0 something is still active, or the lease is alive after all: nothing changed
local ns, worker = ARGV[1], ARGV[2]
if ARGV[3] == '1' then
  local time = redis.call('TIME')
  local lease = redis.call('ZSCORE', ns .. ':workers', worker)
  if lease and tonumber(lease) > tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000 then return 0 end
end
for i = 4, #ARGV do
  if redis.call('TYPE', ARGV[i]).ok == 'list' then return 0 end
end
redis.call('ZREM', ns .. ':workers', worker)
redis.call('DEL', ns .. ':worker:' .. worker, ns .. ':cancels:' .. worker)
return 1
