-- needs: full
-- Which leases have run out, and which other workers of this machine have one. Moves no job.
--   A lease that ends later than its worker can have asked for (the server's clock was set back) is cut to
--   what it can be, so that a dead worker keeps its jobs no longer than its lease.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function length_of(other)
  local published = redis.pcall('HGET', worker_key(other), 'lease')
  return type(published) == 'string' and string.find(published, '^%d+$') and #published < 10 and tonumber(published) or unknown_lease
end

-- Leases no longer than that of the worker that asks are not asked for one by one.
local late = redis.call('ZREVRANGEBYSCORE', workers_key, '+inf', '(' .. now + lease, 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #late, 2 do
  local most = now + length_of(late[i])
  if tonumber(late[i + 1]) > most then redis.call('ZADD', workers_key, 'XX', most, late[i]) end
end

local expired = {}
local over = redis.call('ZRANGEBYSCORE', workers_key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #over, 2 do
  for _, part in ipairs({ over[i], over[i + 1], length_of(over[i]) }) do expired[#expired + 1] = part end
end

local neighbours = {}
local all = machine ~= '' and redis.pcall('SRANDMEMBER', machine_key(machine), 100) or {}
for _, other in ipairs(all) do
  local score = redis.call('ZSCORE', workers_key, other)
  if not score then
    redis.call('SREM', machine_key(machine), other)
  elseif other ~= worker and tonumber(score) > now then
    neighbours[#neighbours + 1] = other
  end
end

local own = redis.call('ZSCORE', workers_key, worker)
return reply {
  server_time = now,
  leased = own and tonumber(own) > now and 1 or 0,
  expired = expired,
  neighbours = neighbours
}
