-- needs: full
-- look: which leases have run out, and which other workers of this place have one. Moves no job.
--   A lease that ends later than its worker can have asked for (the server's clock was set back) is cut to
--   what it can be, so that a dead worker keeps its jobs no longer than its lease.
-- ARGV: ns, worker (who looks), its lease (ms), lease of a worker that does not say (ms), place ('': none)
-- Reply: { server time (ms); 1 the lease of who looks is alive, else 0; of leases that have run out, a
--   hundred at most: worker, end (ms), length (ms), ...; other workers of the place that have a lease, a
--   hundred of them at most }
local ns, worker, mine, unsaid, place = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local leases = ns .. ':workers'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function length_of(other)
  local said = redis.pcall('HGET', ns .. ':worker:' .. other, 'lease')
  return type(said) == 'string' and string.find(said, '^%d+$') and #said < 10 and tonumber(said) or unsaid
end

-- Leases no longer than that of who looks are not asked for one by one.
local late = redis.call('ZREVRANGEBYSCORE', leases, '+inf', '(' .. now + mine, 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #late, 2 do
  local most = now + length_of(late[i])
  if tonumber(late[i + 1]) > most then redis.call('ZADD', leases, 'XX', most, late[i]) end
end

local expired = {}
local over = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #over, 2 do
  for _, part in ipairs({ over[i], over[i + 1], length_of(over[i]) }) do expired[#expired + 1] = part end
end

local beside = {}
local all = place ~= '' and redis.pcall('SRANDMEMBER', ns .. ':place:' .. place, 100) or {}
for _, other in ipairs(all) do
  local score = redis.call('ZSCORE', leases, other)
  if not score then
    redis.call('SREM', ns .. ':place:' .. place, other)
  elseif other ~= worker and tonumber(score) > now then
    beside[#beside + 1] = other
  end
end

local lease = redis.call('ZSCORE', leases, worker)
return { now, lease and tonumber(lease) > now and 1 or 0, expired, beside }
