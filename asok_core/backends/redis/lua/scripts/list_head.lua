-- needs: alias
-- Reads the length of a list and some of its newest elements, as they are at one moment. Writes nothing.
-- ARGV: list, start, stop
-- Reply: { length, { element, ... newest first } }; of what is too large to be read its alias
local seen = redis.call('LRANGE', ARGV[1], ARGV[2], ARGV[3])
for i, element in ipairs(seen) do seen[i] = alias(element) end
return { redis.call('LLEN', ARGV[1]), seen }
