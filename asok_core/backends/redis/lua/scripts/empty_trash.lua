-- needs: full time expect audit
-- empty: trash of one operation -> deleted for good. UNLINK needs no memory, and frees it in the background.
-- ARGV: ns, op, about, counts (audit), the operation whose trash it is
-- Reply: how many jobs were deleted
local ns, op = ARGV[1], ARGV[2]
local trash = ns .. ':trash:' .. ARGV[5]
expect_audit(ns, op)
expect('list', trash)
local deleted = redis.call('LLEN', trash)
redis.call('UNLINK', trash, trash .. ':at')
note(ns, op, ARGV[3], ARGV[4], deleted, {}, 'running')
return deleted
