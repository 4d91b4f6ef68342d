-- needs: full time expect audit
-- resume: workers claim from a queue again. Moves nothing.
-- ARGV: ns, op, about, counts (audit), queue
-- Reply: 1 resumed, 0 it was not paused
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
expect_audit(ns, op)
expect('set', ns .. ':paused')
local changed = redis.call('SISMEMBER', ns .. ':paused', queue)
note(ns, op, ARGV[3], ARGV[4], changed, {}, 'done')
redis.call('SREM', ns .. ':paused', queue)
redis.call('PUBLISH', ns .. ':wake', 'resume ' .. queue)
return changed
