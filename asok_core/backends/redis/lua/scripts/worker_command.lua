-- needs: full time expect audit
-- quiet, resume, stop: what a worker is wanted to do, in its hash until it leaves. It hears of it at
-- once by `asok:wake`, and at its next beat if that message is lost. Moves no job.
-- ARGV: ns, op, about, counts (audit), worker, wanted ('quiet', 'stop', or '' to go on)
-- Reply: 1 ordered, 0 it was wanted already, -1 there is no such worker (any more)
local ns, op, worker, wanted = ARGV[1], ARGV[2], ARGV[5], ARGV[6]
local key = ns .. ':worker:' .. worker
expect_audit(ns, op)
expect('hash', key)
if not redis.call('ZSCORE', ns .. ':workers', worker) then return -1 end
local changed = redis.call('HGET', key, 'wanted') == wanted and 0 or 1
note(ns, op, ARGV[3], ARGV[4], changed, {}, 'done')
redis.call('HSET', key, 'wanted', wanted)
redis.call('PUBLISH', ns .. ':wake', 'order ' .. worker)
return changed
