-- needs: alias list_range
-- Look for a text in a range of a list or sorted set, but not in what is too large to be read. Writes nothing.
-- Each command walks through the list to its index (list_range.lua), which takes 3 ms in a list of a million: after a few
-- elements as many are read at once as a megabyte may hold, and a call that continues states how many (`at_once`).
-- Between two calls others take elements and return them, which shifts the rest: the range begins after the element
-- `anchor`, the last that was passed, which is looked for from `back` elements before `start` on.
local ENOUGH, STEP, LONGEST_STEP, STEP_BYTES, NAMED_BY = 1048576, 32, 512, 524288, 1024

-- In the order of the search: a search that continues after a match must have passed all before it.
local function read(from, n)
  if order == 'left' then return redis.call('LRANGE', elements, from, from + n - 1) end
  if order == 'score' then return redis.call('ZRANGE', elements, from, from + n - 1) end
  local items = list_range(elements, -(from + n), -(from + 1))
  for i = 1, math.floor(#items / 2) do items[i], items[#items - i + 1] = items[#items - i + 1], items[i] end
  return items
end

local function name_of(item)
  return string.format('%d:', #item) .. redis.sha1hex(string.sub(item, 1, NAMED_BY) .. string.sub(item, -NAMED_BY))
end

-- How many of the elements were passed, of which there were `expected`; nil: the last of them is not there.
local function passed_of(items, expected)
  if anchor == '' then return 0 end
  if items[expected] and name_of(items[expected]) == anchor then return expected end
  for i = 1, #items do
    if name_of(items[i]) == anchor then return i end
  end
end

local looked, bytes, step, last, first = 0, 0, math.min(LONGEST_STEP, math.max(STEP, at_once)), anchor, nil
local from = anchor == '' and start or math.max(0, start - back)
local asked = start - from + math.min(step, count)
repeat
  local items = read(from, asked)
  local passed = 0
  if not first then
    passed = passed_of(items, start - from)
    if not passed then return reply { start = -1, looked = 0, position = -1, item = '', score = '', last = '', at_once = 0 } end
    first = from + passed
  end
  for i = passed + 1, #items do
    local item = items[i]
    if #item <= MOST_READ and string.find(item, text, 1, true) then
      local index = from + i - 1
      local score = order == 'score' and redis.call('ZSCORE', elements, item) or ''
      local named = name_of(item)
      return reply { start = first, looked = index + 1 - first, position = index, item = item, score = score, last = named, at_once = at_once }
    end
    bytes = bytes + #item
  end
  if #items > passed then last = name_of(items[#items]) end
  looked = from + #items - first
  if #items < asked then break end
  step = math.max(1, math.min(LONGEST_STEP, math.floor(STEP_BYTES * looked / math.max(bytes, 1))))
  from = from + #items
  asked = math.min(step, count - looked)
until looked >= count or bytes >= ENOUGH
return reply { start = first, looked = looked, position = -1, item = '', score = '', last = last, at_once = step }
