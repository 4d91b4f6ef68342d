-- needs: full time expect alias audit
-- All dead jobs, or all pending jobs of a queue, -> trash, by one RENAME: its time does not
--   grow with the list. What came after the confirmation is left where it is.
local NEWER_AT_MOST, MOST_BYTES = 1000, 8388608
local list = queue == '' and dead_key or queue_key(queue)
local trash = trash_key(op)
expect_audit(op)
expect('list', list)

-- Mostly it is the first that is looked at. Jobs may be large: no other client is served while this looks.
local newer_now = nil
local at, step, bytes = newer, 1, 0
while not newer_now and at <= newer + NEWER_AT_MOST and bytes < MOST_BYTES do
  local seen = redis.call('LRANGE', list, at, at + step - 1)
  for i, element in ipairs(seen) do
    bytes = bytes + #element
    if not newer_now and redis.sha1hex(alias(element)) == newest then newer_now = at + i - 1 end
  end
  if #seen < step then break end
  at, step = at + step, bytes > MOST_BYTES / 8 and 1 or step * 2
end
if not newer_now then return -1 end

redis.call('RENAME', list, trash)
for _ = 1, newer_now do redis.call('LMOVE', trash, list, 'LEFT', 'RIGHT') end
expire_trash(op)
local applied = redis.call('LLEN', trash)
note(op, about, counts, applied, {}, 'running')
return applied
