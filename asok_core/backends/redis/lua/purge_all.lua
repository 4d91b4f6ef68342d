-- needs: full places audit
-- purge: all dead letters, or all pending jobs of a queue, -> trash, by one RENAME: its time does not
--   grow with the list. What came after the confirmation is left where it is.
-- ARGV: ns, op, about, counts (audit), queue ('' for the dead letters), SHA-1 of the newest element
--   that was confirmed, how many newer ones there were a moment ago
-- Reply: how many were purged; -1 the confirmed element was not found, and nothing is changed
local SLACK = 1000
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
local list = queue == '' and ns .. ':dlq' or pending_key(ns, queue)
local trash = ns .. ':trash:' .. op
expect_audit(ns, op)
expect('list', list)

local newer = nil
local from = tonumber(ARGV[7])
for i, element in ipairs(redis.call('LRANGE', list, from, from + SLACK)) do
  if redis.sha1hex(element) == ARGV[6] then
    newer = from + i - 1
    break
  end
end
if not newer then return -1 end

redis.call('RENAME', list, trash)
for _ = 1, newer do redis.call('LMOVE', trash, list, 'LEFT', 'RIGHT') end
redis.call('EXPIRE', trash, TRASH_TTL)
local applied = redis.call('LLEN', trash)
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return applied
