-- needs: list_range outline
-- A window of a list or sorted set of envelopes, of the large ones an outline. Writes nothing.
-- No call holds Redis up for long, however large the items are: the bytes looked at have a limit.
-- Redis copies them three times: half a megabyte takes it a millisecond or two.
local ENOUGH, STEP_BYTES, LONGEST_STEP = 524288, 524288, 64
local MANY, DEEP, LONGEST_DEEP_STEP, MOST_BYTES = 256, 4096, 512, 268435456

local function read(from, n)
  if order == 'left' then return redis.call('LRANGE', elements, from, from + n - 1) end
  if order == 'right' then return list_range(elements, -(from + n), -(from + 1)) end
  if least == '' then return redis.call('ZRANGE', elements, from, from + n - 1, 'WITHSCORES') end
  return redis.call('ZRANGEBYSCORE', elements, least, '+inf', 'WITHSCORES', 'LIMIT', from, n)
end

local out = { redis.call(order == 'score' and 'ZCARD' or 'LLEN', elements), 0 }
local taken, bytes, step = 0, 0, at_once
LONGEST_STEP = math.max(LONGEST_STEP, at_once)

-- Each command walks through the list to its index, from the nearer end since Redis 7. Where that is far, and many items are
-- asked for, it is faster to ask for the size of the list, which takes as long as three walks to its middle, and to read
-- as many items at a time as their average size allows. Of a larger list than MOST_BYTES that may be too much.
-- A page of a screen is read in a few walks, so asking for the size first would take longer than it saves. A caller that
-- goes through all of a list states what the last window allows (at_once).
if at_once == 1 and order ~= 'score' and count > MANY and math.min(start, out[1] - start) > math.max(DEEP, out[1] / 10) then
  local size = redis.pcall('MEMORY', 'USAGE', elements, 'SAMPLES', 0)
  if type(size) == 'number' and size <= MOST_BYTES then
    LONGEST_STEP = LONGEST_DEEP_STEP
    step = math.max(1, math.min(LONGEST_STEP, math.floor(STEP_BYTES * out[1] / size)))
  end
end

while taken < count and bytes < ENOUGH do
  local asked = math.min(step, count - taken)
  local items = read(start + taken, asked)
  local stride = order == 'score' and 2 or 1
  local first, last, by = 1, #items, stride
  if order == 'right' then first, last, by = #items, 1, -1 end
  for i = first, last, by do
    if stride == 2 then out[#out + 1] = items[i + 1] end
    bytes = bytes + outline(out, items[i], whole, sums)
  end
  local got = #items / stride
  taken = taken + got
  if got < asked then break end
  -- `at_once` at first, then as many as STEP_BYTES may hold: each command walks through the list to its index.
  -- One, eight, and the rest are three walks for a page of a screen.
  step = math.max(1, math.min(step * 8, LONGEST_STEP, math.floor(STEP_BYTES * taken / bytes)))
end
out[2] = taken
return out
