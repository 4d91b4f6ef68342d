-- needs: alias bounded
-- Job records, be they hashes (ours) or JSON strings (the framework's). Writes nothing.
-- Of a value of more than MOST_READ bytes its size alone is read, and stated instead of it; the values that are
-- read of one record have no more than that together. A larger `whole` raises the limit: an application may keep
-- results of any size.
local most = math.max(whole, MOST_READ)

local function absent(out)
  local n = #out
  out[n + 1], out[n + 2], out[n + 3] = -1, '', ''
end

local function add_size(out, size)
  local n = #out
  out[n + 1], out[n + 2], out[n + 3] = size, string.format('oversized: %.1f MiB, not read', size / 2^20), ''
end

-- Each value of a hash that may have large ones; a user may lack the right to ask for sizes.
local function read_each(out, key)
  local left = most
  for i = fields_first, fields_last do
    local size = redis.call('HSTRLEN', key, ARGV[i])
    if size > left then
      add_size(out, size)
    else
      left = left - size
      local value = redis.call('HGET', key, ARGV[i])
      if value then bounded(out, value, whole) else absent(out) end
    end
  end
end

local function is_large(key)
  local size = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 0)
  return type(size) == 'number' and size > most
end

local function read(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return { kind } end
  if kind ~= 'hash' and kind ~= 'string' then return { 'other', redis.call('TTL', key), {} } end
  local out = {}
  if kind == 'string' then
    local size = redis.pcall('STRLEN', key)
    if type(size) == 'number' and size > most then
      add_size(out, size)
    else
      bounded(out, redis.call('GET', key), whole)
    end
  elseif is_large(key) then
    read_each(out, key)
  else
    for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, fields_first, fields_last))) do
      if value then
        bounded(out, value, whole)
      else
        absent(out)
      end
    end
  end
  return { kind, redis.call('TTL', key), out }
end

local out = {}
for i, key in ipairs(KEYS) do out[i] = read(key) end
return out
