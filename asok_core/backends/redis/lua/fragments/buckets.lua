-- read_buckets(queue, fine, first, last): {start, {field, value, ...}, ...} of those buckets of a queue's statistics
-- that are not empty. fine: those of FINE seconds, else those of COARSE seconds; first, last: their starts,
-- inclusive. Of a key that is not a bucket (of another type, or too large a hash) 'unreadable' replaces the fields.
local MOST_FIELDS = 1024

local function read_buckets(queue, fine, first, last)
  local buckets, key_of = {}, fine and fine_key or coarse_key
  for start = first, last, fine and FINE or COARSE do
    local name = key_of(queue, string.format('%d', start))
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
