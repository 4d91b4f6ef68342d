-- needs: full time expect audit
-- pause: no worker claims from a queue until it is resumed. Moves nothing; what runs goes on.
-- ARGV: ns, op, about, counts (audit), queue
-- Reply: 1 paused, 0 it was already
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
expect_audit(ns, op)
expect('set', ns .. ':paused')
local changed = 1 - redis.call('SISMEMBER', ns .. ':paused', queue)
note(ns, op, ARGV[3], ARGV[4], changed, {}, 'done')
redis.call('SADD', ns .. ':paused', queue)
redis.call('PUBLISH', ns .. ':wake', 'pause ' .. queue)
return changed
