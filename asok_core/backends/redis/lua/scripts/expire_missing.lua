-- needs: full record status locations
-- One step of a SCAN over all keys: unfinished records and unique keys that no walk has renewed (see
-- consuming/renewal.py) get the TTL of what has finished, for their jobs are in no location. Moves nothing.
-- On the way queues that the set of queues lacks are noted, so that the next walk visits them.
local lost = 0

local function is_lost(key)
  local ttl = redis.call('TTL', key)
  return ttl > RECORD_TTL and ttl < UNFINISHED_TTL - RENEWED_BEFORE - age
end

local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count)
for _, key in ipairs(found[2]) do
  local kind, name = string.match(string.sub(key, #ns + 2), '^(%a+):(.+)$')
  if kind == 'job' and is_lost(key) and not has_ended(name) then
    redis.call('EXPIRE', key, RECORD_TTL)
    lost = lost + 1
  elseif kind == 'unique' and is_lost(key) then
    redis.call('EXPIRE', key, RECORD_TTL)
  elseif kind == 'queue' and redis.call('TYPE', key).ok == 'list' then
    note_queue(name)
  end
end
return reply { cursor = found[1], lost = lost }
