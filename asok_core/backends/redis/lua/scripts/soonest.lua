-- needs: alias
-- Some members of a sorted set by their ranks, the lowest first. Writes nothing.
local seen = redis.call('ZRANGE', members, first, last, 'WITHSCORES')
for i = 1, #seen, 2 do seen[i] = alias(seen[i]) end
return reply { size = redis.call('ZCARD', members), members = seen }
