-- needs: full
-- beat: a worker takes or renews its lease and says how it is. Moves no job.
-- ARGV: ns, worker, lease (ms), ttl of the hash (s), place ('': none), #queues, queues...,
--   then field, value, ... of its hash
-- Reply: { 1 the lease was whole, 0 it had run out or is new; server time (ms); wanted ('', 'quiet', 'stop');
--   other workers of the place that have a lease, or a hundred of them }
local ns, worker, ttl, place = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = redis.call('ZSCORE', ns .. ':workers', worker)
local whole = (lease and tonumber(lease) > now) and 1 or 0
redis.call('ZADD', ns .. ':workers', now + tonumber(ARGV[3]), worker)
local n = tonumber(ARGV[6])
for i = 7, 6 + n do redis.pcall('SADD', ns .. ':queues', ARGV[i]) end
local key = ns .. ':worker:' .. worker
local fields = { 'beat_at', string.format('%.3f', now / 1000) }
for i = 7 + n, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', key, unpack(fields))
redis.call('EXPIRE', key, ttl)

local function neighbours()
  local all, found = ns .. ':place:' .. place, {}
  -- A key that somebody spoiled costs the proof of deaths, and no beat.
  if place == '' or type(redis.pcall('SADD', all, worker)) == 'table' then return found end
  redis.call('EXPIRE', all, ttl)
  for _, other in ipairs(redis.call('SRANDMEMBER', all, 100)) do
    local until_then = redis.call('ZSCORE', ns .. ':workers', other)
    if not until_then then
      redis.call('SREM', all, other)
    elseif other ~= worker and tonumber(until_then) > now then
      found[#found + 1] = other
    end
  end
  return found
end
return { whole, now, redis.call('HGET', key, 'wanted') or '', neighbours() }
