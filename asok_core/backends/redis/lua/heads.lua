-- Reads the length of a list and some of its newest elements, as they are at one moment. Writes nothing.
-- ARGV: list, start, stop
-- Reply: { length, { element, ... newest first } }
return { redis.call('LLEN', ARGV[1]), redis.call('LRANGE', ARGV[1], ARGV[2], ARGV[3]) }
