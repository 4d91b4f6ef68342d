-- What an application requested of an attempt (cancel_running.lua) is not requested of the next one.
local function drop_request(id, process)
  if id ~= '' then redis.pcall('SREM', cancels_key(string.match(process, '^(.+)%.') or process), id) end
end
