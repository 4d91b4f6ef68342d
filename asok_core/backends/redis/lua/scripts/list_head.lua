-- needs: alias
-- The length of a list and some of its newest elements, as they are at one moment. Writes nothing.
local seen = redis.call('LRANGE', elements, start, stop)
for i, element in ipairs(seen) do seen[i] = alias(element) end
return reply { length = redis.call('LLEN', elements), elements = seen }
