-- needs: full time expect locations alias audit
-- purge: all dead letters, or all pending jobs of a queue, -> trash, by one RENAME: its time does not
--   grow with the list. What came after the confirmation is left where it is.
-- ARGV: ns, op, about, counts (audit), queue ('' for the dead letters), SHA-1 of the newest element
--   that was confirmed (of its alias, see alias.lua), how many newer ones there were a moment ago
-- Reply: how many were purged; -1 the confirmed element was not found, and nothing is changed
local SLACK, MOST_BYTES = 1000, 8388608
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
local list = queue == '' and ns .. ':dlq' or pending_key(ns, queue)
local trash = ns .. ':trash:' .. op
expect_audit(ns, op)
expect('list', list)

-- Mostly it is the first that is looked at. Jobs may be large: nobody else is served while this looks.
local newer = nil
local from = tonumber(ARGV[7])
local at, step, bytes = from, 1, 0
while not newer and at <= from + SLACK and bytes < MOST_BYTES do
  local seen = redis.call('LRANGE', list, at, at + step - 1)
  for i, element in ipairs(seen) do
    bytes = bytes + #element
    if not newer and redis.sha1hex(alias(element)) == ARGV[6] then newer = at + i - 1 end
  end
  if #seen < step then break end
  at, step = at + step, bytes > MOST_BYTES / 8 and 1 or step * 2
end
if not newer then return -1 end

redis.call('RENAME', list, trash)
for _ = 1, newer do redis.call('LMOVE', trash, list, 'LEFT', 'RIGHT') end
expire_trash(trash)
local applied = redis.call('LLEN', trash)
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return applied
