-- needs: audit
-- pause: no worker claims from a queue until it is resumed. Moves nothing; what runs goes on.
-- ARGV: ns, op, about, counts (audit), queue
-- Reply: 1 paused, 0 it was already
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
expect_audit(ns, op)
local changed = redis.call('SADD', ns .. ':paused', queue)
redis.pcall('PUBLISH', ns .. ':wake', 'pause ' .. queue)
note(ns, op, ARGV[3], ARGV[4], changed, {}, 'done')
return changed
