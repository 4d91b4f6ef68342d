-- expect(kind, key): error unless the key is absent or of that type. Called before anything moves.
local function expect(kind, key)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    error('WRONGTYPE ' .. key .. ' is a ' .. found .. ' and should be a ' .. kind)
  end
end
