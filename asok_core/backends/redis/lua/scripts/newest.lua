-- Reads how far from the consuming end the newest of equal elements of a list is. Writes nothing.
-- ARGV: list, element
-- Reply: { its index from the left or false, length }
return { redis.call('LPOS', ARGV[1], ARGV[2]), redis.call('LLEN', ARGV[1]) }
