-- Reads some of a list, no more bytes than can be held in memory at once. Writes nothing.
-- ARGV: list, order (`left`: from that end, `right`: from the other), how many to pass over, how many at most,
--   bytes after which none is added, bytes up to which an element is sent
-- Reply: the elements in that order, of a larger one its size alone; none where the key is of another type
local list, order, at = ARGV[1], ARGV[2], tonumber(ARGV[3])
local count, most, largest, bytes, out, step = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), 0, {}, 1
if redis.call('TYPE', list).ok ~= 'list' then return out end
while #out < count and bytes < most do
  local right = order == 'right'
  local seen = redis.call('LRANGE', list, right and -(at + step) or at, right and -(at + 1) or at + step - 1)
  for i = 1, #seen do
    local item = seen[right and #seen - i + 1 or i]
    out[#out + 1] = #item > largest and #item or item
    bytes = bytes + #item
  end
  if #seen < step then break end
  at = at + step
  step = math.max(1, math.min(16, count - #out, math.floor((most - bytes) * #out / math.max(bytes, 1))))
end
return out
