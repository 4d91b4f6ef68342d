-- needs: full locations
-- begin_renewal: a supervisor takes the next step of the round (see consuming/renewal.py). Moves no job.
-- ARGV: ns, worker, how long others are kept from the next step (ms), the longest wait that a step sets (ms)
-- Reply: { 1 taken, 0 it is another's or not due; ms until it is due; { field, value, ... of the round };
--   server time (s, microseconds) }
local lock = ARGV[1] .. ':renewing'
local left = redis.call('PTTL', lock)
-- A key without an end, or with one too far away, was not written by a supervisor: nobody would come.
if left == -1 or left > tonumber(ARGV[4]) then redis.call('DEL', lock) end
local taken = redis.call('SET', lock, ARGV[2], 'NX', 'PX', ARGV[3])
local round = redis.pcall('HGETALL', ARGV[1] .. ':renewal')
return { taken and 1 or 0, redis.call('PTTL', lock), wrong_type(round) and {} or round, redis.call('TIME') }
