-- process_numbers(slots, processes, otherwise, most): the numbers of a worker's processes, by its hash.
--   `slots` is NUMBER:SLOTS of each, with commas between; an older worker has only how many `processes`,
--   numbered from 1. Where it has neither, as many as `otherwise`; `most` in any case.
--   keys.process_numbers has the same rule.
local function process_numbers(slots, processes, otherwise, most)
  local numbers = {}
  for n in string.gmatch(slots or '', '(%d+):') do
    if #numbers < most and #n < 6 then numbers[#numbers + 1] = tonumber(n) end
  end
  if #numbers == 0 then
    local count = tonumber(processes or otherwise) or otherwise
    for n = 1, math.max(1, math.min(count, most)) do numbers[n] = n end
  end
  return numbers
end
