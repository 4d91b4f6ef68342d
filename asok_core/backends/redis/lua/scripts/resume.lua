-- needs: full time expect audit
-- Workers claim from a queue again. Moves nothing.
expect_audit(op)
expect('set', paused_key)
local changed = redis.call('SISMEMBER', paused_key, queue)
note(op, about, counts, changed, {}, 'done')
redis.call('SREM', paused_key, queue)
redis.call('PUBLISH', wake_key, 'resume ' .. queue)
return changed
