-- Reads how one queue stands: its length, its next job and its newest counters. Writes nothing.
-- needs: alias outline buckets
-- KEYS[1] the pending list
-- ARGV  namespace, queue, whole, first, last (starts of the ten second buckets to read, inclusive)
-- Reply {length, {size, text, rest, SHA-1} (outline.lua) or {}, {start, {field, value, ...}, ...}}; length -1: not a list
local oldest = {}
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
  length = -1
elseif length > 0 then
  outline(oldest, redis.call('LINDEX', KEYS[1], -1), tonumber(ARGV[3]))
end
local first, last = tonumber(ARGV[4]), tonumber(ARGV[5])
return { length, oldest, read_buckets(ARGV[1], ARGV[2], 's', 10, first, last) }
