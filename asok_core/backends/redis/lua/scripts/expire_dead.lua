-- needs: full stats
-- drop: dead letters -> gone, for they are older than ASOK_DLQ_MAX_AGE. Counted as `dropped`.
-- ARGV: ns, then each, oldest first: letter, queue
-- Reply: how many were dropped by this call
local ns, dropped = ARGV[1], 0
for i = 2, #ARGV, 2 do
  if redis.call('LREM', ns .. ':dlq', -1, ARGV[i]) == 1 then
    dropped = dropped + 1
    tally(ARGV[i + 1], 'dropped', 1)
  end
end
write_tally(ns, tonumber(redis.call('TIME')[1]))
return dropped
