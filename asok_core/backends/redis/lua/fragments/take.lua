-- needs: alias list_range
-- Chosen elements out of the middle of a list.
-- find(list, lo, hi, marks): where elements are now that were seen from index lo to hi (negative:
--   counted from the consuming end, which pushes do not shift). A mark is the SHA-1 of an element (of its
--   alias, see alias.lua) and, right
--   behind it, how many it was away from hi. It is looked for there, then between lo and hi, then a
--   little further, for others may have taken from that end or returned to it. How much further is
--   bounded by bytes as well: jobs may be large, and Redis serves no other client while this looks.
--   Returns, by number of the mark, index and element; nothing where it is gone.
-- LREM by value would search the list once for each of them. Instead each is overwritten with a
-- tombstone (swap), which no client sees, and one LREM from the nearer end takes all of those (sweep).
local SLACK, SLACK_BYTES = 1000, 8388608

local function find(list, lo, hi, marks)
  local sought, missing, indexes, elements = {}, 0, {}, {}
  local seen = list_range(list, lo, hi)
  for n, mark in ipairs(marks) do
    local digest, away = string.sub(mark, 1, 40), tonumber(string.sub(mark, 41))
    local element = away and seen[#seen - away]
    if element and redis.sha1hex(alias(element)) == digest then
      indexes[n], elements[n], seen[#seen - away] = hi - away, element, false
    else
      sought[digest] = sought[digest] or {}
      table.insert(sought[digest], n)
      missing = missing + 1
    end
  end
  local function match(to, among)
    for i = #among, 1, -1 do
      if missing == 0 then return end
      local numbers = among[i] and sought[redis.sha1hex(alias(among[i]))]
      if numbers and numbers[1] then
        local n = table.remove(numbers, 1)
        indexes[n], elements[n] = to - (#among - i), among[i]
        missing = missing - 1
      end
    end
  end
  local function search_on(at, last, way)
    local bytes, step = 0, 4
    while missing > 0 and (last - at) * way >= 0 and bytes < SLACK_BYTES do
      local far = way > 0 and math.min(last, at + step - 1) or math.max(last, at - step + 1)
      local among = list_range(list, math.min(at, far), math.max(at, far))
      if #among == 0 then return end
      for _, element in ipairs(among) do bytes = bytes + #element end
      match(math.max(at, far), among)
      at, step = far + way, bytes > SLACK_BYTES / 8 and 4 or step * 2
    end
  end
  match(hi, seen)
  -- Others may have taken so many that the list ends before `hi`.
  local first = math.max(hi + 1, -redis.call('LLEN', list))
  search_on(first, math.min(-1, first + SLACK), 1)
  search_on(lo - 1, lo - SLACK, -1)
  return indexes, elements
end

local function swap(list, index, op) redis.call('LSET', list, index, 'asok:taken:' .. op) end

local function swap_back(list, index, element)
  return function() redis.call('LSET', list, index, element) end
end

local function sweep(list, count, op, lo)
  if count == 0 then return end
  local from_left = -lo * 2 > redis.call('LLEN', list)
  redis.call('LREM', list, from_left and count or -count, 'asok:taken:' .. op)
end
