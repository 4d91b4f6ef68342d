-- Fragment (put before a script that says `needs: buckets`).
-- read_buckets(ns, queue, kind, width, first, last): {start, {field, value, ...}, ...} of those
-- buckets of a queue's statistics that hold anything. kind: `s` or `m`; first, last: their starts,
-- inclusive, `width` seconds apart. Of a key that is not a bucket (of another type, or too large a hash)
-- 'unreadable' is in the place of the fields.
local MOST_FIELDS = 1024

local function read_buckets(ns, queue, kind, width, first, last)
  local buckets = {}
  for start = first, last, width do
    local name = string.format('%s:stats:%s:%s%d', ns, queue, kind, start)
    local fields = redis.pcall('HLEN', name)
    if type(fields) == 'number' and fields > 0 and fields <= MOST_FIELDS then
      buckets[#buckets + 1] = start
      buckets[#buckets + 1] = redis.call('HGETALL', name)
    elseif type(fields) == 'number' and fields > 0
      or type(fields) == 'table' and string.find(fields.err, 'WRONGTYPE', 1, true) then
      buckets[#buckets + 1] = start
      buckets[#buckets + 1] = 'unreadable'
    end
  end
  return buckets
end
