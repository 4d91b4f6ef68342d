-- needs: alias
-- The next stretch of a list for a walk from its consuming end that must not lose its place, whatever
--   others push, take or put back meanwhile. Writes nothing.
-- ARGV: list, how many elements the walk has passed over and left in place, the last of these (its
--   anchor), count, bytes at most, how many to read at first, for they may be large
-- Reply: { passed over by now (0: the anchor is gone, and the walk begins again), length, elements
--   oldest first ... }; of what is too large to be read its alias, also as the anchor
local list, passed, anchor = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local count, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local length = redis.call('LLEN', list)
local last = passed > 0 and redis.call('LINDEX', list, -passed)
if passed > 0 and (not last or alias(last) ~= anchor) then
  local index = redis.call('LPOS', list, anchor, 'RANK', -1)
  passed = index and length - index or 0
end
local out, bytes, step = { passed, length }, 0, tonumber(ARGV[6])
while count > 0 and bytes < most do
  local n = math.min(step, count)
  local from = #out - 2 + passed
  local seen = redis.call('LRANGE', list, -(from + n), -(from + 1))
  for i = #seen, 1, -1 do
    out[#out + 1] = alias(seen[i])
    bytes = bytes + #seen[i]
  end
  if #seen < n then break end
  count, step = count - n, bytes > most / 8 and 4 or step * 2
end
return out
