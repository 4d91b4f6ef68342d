-- What is known of pauses (`asok:pauses`), beside the set of paused queues.
-- pause_in(text): the pause in a field, or nil where another program wrote it.
-- pause_field(pause, name): a text of it, '' where there is none.
local function pause_in(text)
  if type(text) ~= 'string' or #text >= LARGEST_PAUSE then return nil end
  local ok, known = pcall(cjson.decode, text)
  return ok and type(known) == 'table' and known or nil
end

local function pause_field(pause, name)
  local value = pause and pause[name]
  return type(value) == 'string' and value or ''
end
