-- Reads how one queue stands: its length, some of its jobs and its newest counters. Writes nothing.
-- needs: alias outline buckets
-- KEYS[1] the pending list
-- ARGV  namespace, queue, whole, first, last (starts of the ten second buckets to read, inclusive),
--   then indexes of the jobs to read
-- Reply {length, {size, text, rest, SHA-1, ...} (outline.lua; of each job that is there),
--   {start, {field, value, ...}, ...}}; length -1: not a list
local sample = {}
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
  length = -1
else
  for i = 6, #ARGV do
    local item = redis.call('LINDEX', KEYS[1], ARGV[i])
    if item then outline(sample, item, tonumber(ARGV[3])) end
  end
end
local first, last = tonumber(ARGV[4]), tonumber(ARGV[5])
return { length, sample, read_buckets(ARGV[1], ARGV[2], 's', 10, first, last) }
