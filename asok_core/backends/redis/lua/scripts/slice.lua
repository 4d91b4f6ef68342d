-- needs: list_range
-- Some of a list, no more bytes than can be held in memory at once. Writes nothing.
local bytes, out, step = 0, {}, 1
if redis.call('TYPE', elements).ok ~= 'list' then return out end
while #out < count and bytes < most do
  local right = order == 'right'
  local seen = list_range(elements, right and -(passed + step) or passed,
    right and -(passed + 1) or passed + step - 1)
  for i = 1, #seen do
    local item = seen[right and #seen - i + 1 or i]
    out[#out + 1] = #item > largest and #item or item
    bytes = bytes + #item
  end
  if #seen < step then break end
  passed = passed + step
  step = math.max(1, math.min(16, count - #out, math.floor((most - bytes) * #out / math.max(bytes, 1))))
end
return out
