-- alias(item): what readers and operators get of an element: the element, or where it has more than MOST_READ
--   bytes a short text instead, which `oversized.py` reads: its size, and a SHA-1 of that and of its two ends.
--   So no client receives, parses or hashes 100 MiB to show a row, and operations on the row still work: scripts
--   compare aliases. Reading such an element at all takes Redis about a millisecond for each megabyte.
local ENDS = 1024

local function alias(item)
  local size = #item
  if size <= MOST_READ then return item end
  local sum = redis.sha1hex(string.format('%d:', size) .. string.sub(item, 1, ENDS) .. string.sub(item, -ENDS))
  return string.format('asok:oversized %d %s', size, sum)
end
