-- needs: full time expect audit event
-- No worker claims from a queue until it is resumed. Moves nothing; running jobs continue.
expect_audit(op)
expect('set', paused_key)
local changed = 1 - redis.call('SISMEMBER', paused_key, queue)
note(op, about, counts, changed, {}, 'done')
if changed == 1 then
  add_event('queue_paused', { 'queue', queue, 'by', author_of(about), 'operation', op })
end
redis.call('SADD', paused_key, queue)
redis.call('PUBLISH', wake_key, 'pause ' .. queue)
return changed
