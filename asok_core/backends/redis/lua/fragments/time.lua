-- The clock of Redis, at its state when the script began.
-- server_time(): the time (epoch seconds) as records have it, as a number, and its whole seconds.
local function server_time()
  local time = redis.call('TIME')
  local second, micros = tonumber(time[1]), tonumber(time[2])
  return string.format('%d.%06d', second, micros), second + micros / 1e6, second
end
