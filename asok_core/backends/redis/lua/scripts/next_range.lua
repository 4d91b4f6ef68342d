-- needs: alias list_range
-- The next elements of a list for a walk from its consuming end that must keep its position, whatever
--   others push, take or return at the same time. Writes nothing.
local length = redis.call('LLEN', elements)
local last = passed > 0 and redis.call('LINDEX', elements, -passed)
if passed > 0 and (not last or alias(last) ~= anchor) then
  local index = redis.call('LPOS', elements, anchor, 'RANK', -1)
  passed = index and length - index or 0
end
local out, bytes = {}, 0
while count > 0 and bytes < most do
  local n = math.min(step, count)
  local from = #out + passed
  local seen = list_range(elements, -(from + n), -(from + 1))
  for i = #seen, 1, -1 do
    out[#out + 1] = alias(seen[i])
    bytes = bytes + #seen[i]
  end
  if #seen < n then break end
  count, step = count - n, bytes > most / 8 and 4 or step * 2
end
return reply { passed = passed, length = length, elements = out }
