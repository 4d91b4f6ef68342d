-- needs: alias
-- Reads some members of a sorted set by their ranks, the lowest first. Writes nothing.
-- ARGV: sorted set, first rank, last rank
-- Reply: { size of the set, { member, score, ... } }; of what is too large to be read its alias
local seen = redis.call('ZRANGE', ARGV[1], ARGV[2], ARGV[3], 'WITHSCORES')
for i = 1, #seen, 2 do seen[i] = alias(seen[i]) end
return { redis.call('ZCARD', ARGV[1]), seen }
