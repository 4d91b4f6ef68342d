-- needs: full time expect audit event pauses
-- No worker claims from a queue until it is resumed: by an operator, or when its pause ends (see end_pauses.lua).
-- Moves nothing; running jobs continue.
-- A queue that is paused gets author, reason and end of this pause. It stays as it is where neither the end nor the
-- reason would be another one; no reason is no other reason.
expect_audit(op)
expect('set', paused_key)
expect('hash', pauses_key)
local stamp, now = server_time()
if ends > now + LONGEST_PAUSE then return reply { state = 5, before = '', now = '' } end
local was = redis.call('SISMEMBER', paused_key, queue) == 1
local before = was and redis.call('HGET', pauses_key, queue) or ''
local former = pause_in(before)
local ending = lasts > 0 and now + lasts or ends
local ends_at = ending > 0 and string.format('%.3f', ending) or ''

if ending > 0 and ending <= now then
  note(op, about, counts, 0, { [PAUSE_OVER] = 1 }, 'done')
  return reply { state = 3, before = before, now = before }
end
if not former and redis.call('HLEN', pauses_key) >= MOST_PAUSES then
  note(op, about, counts, 0, { [PAUSES_FULL] = 1 }, 'done')
  return reply { state = 4, before = before, now = before }
end
local same = ends_at == pause_field(former, 'until') and (reason == '' or reason == pause_field(former, 'reason'))
if was and same then
  note(op, about, counts, 0, {}, 'done')
  redis.call('PUBLISH', wake_key, 'pause ' .. queue)
  return reply { state = 0, before = before, now = before }
end

local by, changed = author_of(about), was and '1' or ''
local pause = { by = by, at = stamp, reason = reason, ['until'] = ends_at, operation = op }
-- Since when a queue is paused of which nothing is known, is not known either.
pause.since = was and pause_field(former, 'since') or stamp
local text = cjson.encode(pause)
local audited = cjson.decode(about)
audited.reason, audited['until'], audited.changed = reason, ends_at, changed
note(op, cjson.encode(audited), counts, 1, {}, 'done')
add_event('queue_paused', {
  'queue', queue, 'by', by, 'operation', op, 'reason', reason, 'until', ends_at, 'changed', changed
})
redis.call('SADD', paused_key, queue)
redis.call('HSET', pauses_key, queue, text)
redis.call('PUBLISH', wake_key, 'pause ' .. queue)
return reply { state = was and 2 or 1, before = before, now = text }
