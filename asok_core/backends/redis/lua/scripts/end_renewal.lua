-- needs: full locations
-- end_renewal: keep how far the round is, and until when the next step waits. Moves no job.
-- ARGV: ns, worker, wait (ms), TTL of the round (s), then field, value, ... of the round
-- Reply: 1
local round = ARGV[1] .. ':renewal'
if pushed('HSET', round, unpack(ARGV, 5)) then redis.call('EXPIRE', round, ARGV[4]) end
redis.call('SET', ARGV[1] .. ':renewing', ARGV[2], 'PX', ARGV[3])
return 1
