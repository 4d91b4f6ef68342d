-- needs: full record status locations
-- One step of a SCAN over all keys: unfinished records and unique keys that no walk has renewed (see
-- consuming/renewal.py) get the 24 h of what has finished, for their jobs are in no place. Moves nothing.
-- ARGV: ns, pattern of its keys, cursor, how many keys, age (s) of the start of the proof: what was neither
--   written nor renewed for so long was met by neither of two whole walks
-- Reply: { next cursor, how many records were found to be lost }
-- On the way queues that the set of queues does not know are noted, so that the next walk visits them.
local FRESH = 600
local ns, age = ARGV[1], tonumber(ARGV[5])
local lost = 0

local function is_lost(key)
  local ttl = redis.call('TTL', key)
  return ttl > RECORD_TTL and ttl < UNFINISHED_TTL - FRESH - age
end

local reply = redis.call('SCAN', ARGV[3], 'MATCH', ARGV[2], 'COUNT', ARGV[4])
for _, key in ipairs(reply[2]) do
  local kind, name = string.match(string.sub(key, #ns + 2), '^(%a+):(.+)$')
  if kind == 'job' and is_lost(key) and not has_ended(ns, name) then
    redis.call('EXPIRE', key, RECORD_TTL)
    lost = lost + 1
  elseif kind == 'unique' and is_lost(key) then
    redis.call('EXPIRE', key, RECORD_TTL)
  elseif kind == 'queue' and redis.call('TYPE', key).ok == 'list' then
    note_queue(ns, name)
  end
end
return { reply[1], lost }
