-- needs: full locations
-- beat: a worker takes or renews its lease and says how it is. Moves no job.
-- ARGV: ns, worker, lease (ms), ttl of the hash (s), place ('': none), #queues, queues...,
--   then field, value, ... of its hash
-- Reply: { 1 the lease was whole, 0 it had run out or is new; server time (ms); wanted ('', 'quiet', 'stop');
--   ids of running jobs that are to stop, a thousand at most }
local ns, worker, ttl, place = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = redis.call('ZSCORE', ns .. ':workers', worker)
local whole = (lease and tonumber(lease) > now) and 1 or 0
redis.call('ZADD', ns .. ':workers', now + tonumber(ARGV[3]), worker)
local n = tonumber(ARGV[6])
for i = 7, 6 + n do redis.pcall('SADD', ns .. ':queues', ARGV[i]) end
local key = ns .. ':worker:' .. worker
local fields = { 'beat_at', string.format('%.3f', now / 1000), 'lease', ARGV[3] }
for i = 7 + n, #ARGV do fields[#fields + 1] = ARGV[i] end
if not pushed('HSET', key, unpack(fields)) then
  -- The key is this worker's own: what somebody put in its place must not hide the worker.
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(fields))
end
redis.call('EXPIRE', key, ttl)

if place ~= '' then
  local beside = ns .. ':place:' .. place
  -- A key that somebody spoiled costs the proof of deaths, and no beat.
  if type(redis.pcall('SADD', beside, worker)) ~= 'table' then redis.call('EXPIRE', beside, ttl) end
end
local cancels = redis.pcall('SRANDMEMBER', ns .. ':cancels:' .. worker, 1000)
return { whole, now, redis.call('HGET', key, 'wanted') or '', cancels.err and {} or cancels }
