-- needs: locations
-- is_paused(queue): where the key is of another type, no queue is, and the console shows the same.
local function is_paused(queue)
  local marked = redis.pcall('SISMEMBER', paused_key, queue)
  return not wrong_type(marked) and marked == 1
end
