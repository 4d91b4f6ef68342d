-- needs: full time expect audit event
-- Workers claim from a queue again, also before its pause ends. Moves nothing.
expect_audit(op)
expect('set', paused_key)
local changed = redis.call('SISMEMBER', paused_key, queue)
note(op, about, counts, changed, {}, 'done')
if changed == 1 then
  add_event('queue_resumed', { 'queue', queue, 'by', author_of(about), 'operation', op })
end
redis.call('SREM', paused_key, queue)
-- A key of another type costs what was known of the pause, and not the resumption.
redis.pcall('HDEL', pauses_key, queue)
redis.call('PUBLISH', wake_key, 'resume ' .. queue)
return changed
