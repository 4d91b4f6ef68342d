-- Reads job records, be they hashes (ours) or JSON strings (the framework's). Writes nothing.
-- needs: bounded
-- KEYS  the records; ARGV  whole, field names ...
-- Reply per record {'hash', ttl, {size, head, tail, ...}} in the order of the fields (size -1: the
--       field is not there), {'string', ttl, {size, head, tail}}, or {'none'}
local whole = tonumber(ARGV[1])

local function read(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'string' then return { 'none' } end
  local out = {}
  if kind == 'string' then
    bounded(out, redis.call('GET', key), whole)
  else
    for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, 2))) do
      if value then
        bounded(out, value, whole)
      else
        local n = #out
        out[n + 1], out[n + 2], out[n + 3] = -1, '', ''
      end
    end
  end
  return { kind, redis.call('TTL', key), out }
end

local out = {}
for i, key in ipairs(KEYS) do out[i] = read(key) end
return out
