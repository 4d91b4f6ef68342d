-- needs: locations
-- is_active(active, envelope): whether an active list has an envelope, the oldest first. A key of another type has none.
local function is_active(active, envelope)
  local index = redis.pcall('LPOS', active, envelope, 'RANK', -1)
  return not wrong_type(index) and index
end
