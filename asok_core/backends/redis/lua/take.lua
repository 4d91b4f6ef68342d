-- Fragment (put before a script that says `needs: take`): chosen elements out of the middle of a list.
-- find(list, lo, hi, digests): where elements are now that were seen from index lo to hi (negative:
--   counted from the consuming end, which pushes do not shift). digests: SHA-1 of each. They are looked
--   for there, then a little further, for others may have taken from that end or put back to it.
--   Returns, by number of the digest, index and element; nothing where it is gone.
-- LREM by value would search the list once for each of them. Instead each is overwritten with a
-- tombstone (swap), which nobody sees, and one LREM from the near end takes all of those (sweep).
local SLACK = 1000

local function find(list, lo, hi, digests)
  local wanted, missing, indexes, elements = {}, #digests, {}, {}
  for n, digest in ipairs(digests) do
    wanted[digest] = wanted[digest] or {}
    table.insert(wanted[digest], n)
  end
  local function look(from, to)
    if missing == 0 or to < from then return end
    local seen = redis.call('LRANGE', list, from, to)
    for i = #seen, 1, -1 do
      local numbers = wanted[redis.sha1hex(seen[i])]
      if numbers and numbers[1] then
        local n = table.remove(numbers, 1)
        indexes[n], elements[n] = to - (#seen - i), seen[i]
        missing = missing - 1
        if missing == 0 then return end
      end
    end
  end
  look(lo, hi)
  look(hi + 1, math.min(-1, hi + SLACK))
  look(lo - SLACK, lo - 1)
  return indexes, elements
end

local function swap(list, index, op) redis.call('LSET', list, index, 'asok:taken:' .. op) end

local function swap_back(list, index, element)
  return function() redis.call('LSET', list, index, element) end
end

local function sweep(list, count, op)
  if count > 0 then redis.call('LREM', list, -count, 'asok:taken:' .. op) end
end
