-- needs: full record status locations
-- renew: records and unique keys of unfinished jobs, which were seen where jobs wait or run, get their
-- whole TTL again. Moves nothing.
-- ARGV: ns, then per job: id, its unique key or ''
-- Reply: how many keys were renewed
-- A job that has finished since it was seen has a final record: that keeps its 24 h.
local FRESH = 600 -- What was written in the last minutes is left as it is.
local ns, renewed = ARGV[1], 0

local function renew(key)
  redis.call('EXPIRE', key, UNFINISHED_TTL)
  renewed = renewed + 1
end

local function is_old(key)
  local ttl = redis.call('TTL', key)
  return ttl >= 0 and ttl < UNFINISHED_TTL - FRESH
end

for i = 2, #ARGV, 2 do
  local id, unique = ARGV[i], ARGV[i + 1]
  local record, held = ns .. ':job:' .. id, ns .. ':unique:' .. unique
  if is_old(record) and not has_ended(ns, id) then renew(record) end
  if unique ~= '' and is_old(held) and holder(ns, unique) == id then renew(held) end
end
return renewed
