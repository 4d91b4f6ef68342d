-- needs: alias list_range
-- Look for a text in a range of a list or sorted set, but not in what is too large to be read. Writes nothing.
-- Each command walks through the list to its index (list_range.lua): after a few elements as many are read at
-- once as a megabyte may hold.
local ENOUGH, STEP, LONGEST_STEP, STEP_BYTES = 4194304, 32, 512, 1048576
local looked, bytes, step = 0, 0, STEP
while looked < count and bytes < ENOUGH do
  local from, n = start + looked, math.min(step, count - looked)
  local items
  if order == 'left' then
    items = redis.call('LRANGE', elements, from, from + n - 1)
  elseif order == 'right' then
    items = list_range(elements, -(from + n), -(from + 1))
  else
    items = redis.call('ZRANGE', elements, from, from + n - 1)
  end
  for i = 1, #items do
    -- In the order of the search: whoever continues after a match must have passed all before it.
    local item = items[order == 'right' and #items - i + 1 or i]
    if #item <= MOST_READ and string.find(item, text, 1, true) then
      local index = from + i - 1
      local score = order == 'score' and redis.call('ZSCORE', elements, item) or ''
      return reply { looked = looked + n, position = index, item = item, score = score }
    end
    bytes = bytes + #item
  end
  looked = looked + #items
  if #items < n then break end
  step = math.max(1, math.min(LONGEST_STEP, math.floor(STEP_BYTES * looked / math.max(bytes, 1))))
end
return reply { looked = looked, position = -1, item = '', score = '' }
