-- Fragment (put before a script that says `needs: record`).
-- write_record(ns, id, fields): write a job record's fields and renew its 24 h.
-- fields: flat list name, value, ... ; `result` is JSON text, every other value plain text.
-- Our records are hashes. One that the framework created as a JSON string stays a string; the
-- payload in it is never decoded and encoded again, only its scalars are.
local RECORD_TTL = 86400

local function json_record(old, fields)
  local NUMERIC = { ts = true, retry_count = true, retries = true,
                    enqueued_at = true, started_at = true, finished_at = true }
  local ok, known = pcall(cjson.decode, old)
  local texts = { result = 'null', error = 'null' }
  if ok and type(known) == 'table' then
    for name, value in pairs(known) do
      if type(name) == 'string' and type(value) ~= 'table' and name ~= 'result' then
        -- JSON has no infinity, and an error here would leave a batch half moved.
        local encoded, text = pcall(cjson.encode, value)
        if encoded then texts[name] = text end
      end
    end
  end
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if value == '' and (name == 'result' or name == 'error') then
      texts[name] = 'null'
    elseif name == 'result' or (NUMERIC[name] and tonumber(value)) then
      texts[name] = value
    else
      texts[name] = cjson.encode(value)
    end
  end
  local parts = {}
  for name, text in pairs(texts) do parts[#parts + 1] = cjson.encode(name) .. ': ' .. text end
  return '{' .. table.concat(parts, ', ') .. '}'
end

local function write_record(ns, id, fields)
  if id == '' then return end
  local key = ns .. ':job:' .. id
  local reply = redis.pcall('HSET', key, unpack(fields))
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
    -- Some other type is nobody's record: it is left alone.
    if redis.call('TYPE', key).ok == 'string' then
      redis.call('SET', key, json_record(redis.call('GET', key), fields), 'EX', RECORD_TTL)
    end
    return
  end
  redis.call('EXPIRE', key, RECORD_TTL)
end
