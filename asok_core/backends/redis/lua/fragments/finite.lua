-- Numbers that another program may have written.
-- finite(text): the number, or nil where it is not one, is not finite or has more digits than a number needs.
--   What is computed from another would be written again, or end the script between two moves.
--   asok_core/jobs/numbers.py has the same rule.
local MOST_DIGITS, LARGEST = 32, 1e18

local function finite(text)
  if type(text) ~= 'string' or #text > MOST_DIGITS or not string.find(text, '^[-+]?[%d.]') then return nil end
  local number = tonumber(text)
  -- Not a number is unlike itself.
  if not number or number ~= number or math.abs(number) > LARGEST then return nil end
  return number
end
