-- needs: status
-- Records and unique keys of jobs.
-- write_record(id, fields, wait, gone, form, kept): write a job record's fields and its TTL, which the status
-- decides.
-- fields: flat list name, value, ... that begins with `status`; `result` is JSON text, every other value
--   plain text. wait: seconds until the job is due, nil for now. gone: names of fields to remove, or nil.
-- record_text(id, name): the text of a field of a record of either form; '' where there is none.
-- one_more(id, name): a count in a record, and one, as text.
-- is_cancelled(id): whether an operator cancelled the job while it ran, and it has not ended: it must not run again.
--   Of a job that has ended, what is found is a copy of its envelope, and the record keeps its end.
-- hold_unique(unique, id, wait): let an unfinished job hold its unique key as long as its record.
-- Our records are hashes. One that the framework created as a JSON string stays a string; the
-- payload in it is never decoded and encoded again, only its scalars are. form: 'framework' makes it a
-- string, whatever it is now, since the framework's worker cannot write into a hash.
-- kept: seconds for which the record of a finished job stays, nil for 24 h.
--
-- The record of a finished job is kept for 24 h; of a completed one, as ASOK_RECORD_TTL and keep_result
-- say. That of an unfinished one must outlive any wait and must not stay forever when its job disappears
-- (a deleted list, a worker that keeps no records). So it has a long TTL, which the workers renew while the
-- job waits or runs (see consuming/renewal.py).

local function unfinished_ttl(wait)
  return math.ceil(UNFINISHED_TTL + math.min(math.max(wait or 0, 0), LONGEST_WAIT))
end

local function hold_unique(unique, id, wait)
  if unique ~= '' then redis.call('SET', unique_key(unique), id, 'EX', unfinished_ttl(wait)) end
end

local function record_text(id, name)
  local known = redis.pcall('HGET', job_key(id), name)
  if type(known) ~= 'table' then return known or '' end
  local text = redis.pcall('GET', job_key(id))
  local ok, record = pcall(cjson.decode, type(text) == 'string' and text or '')
  return ok and type(record) == 'table' and type(record[name]) == 'string' and record[name] or ''
end

local function one_more(id, name)
  local known = record_text(id, name)
  return string.format('%d', (#known < 10 and string.find(known, '^%d+$') and tonumber(known) or 0) + 1)
end

-- Of an operator who cancelled the job while it ran.
local CANCEL_FIELDS = { 'cancel_asked', 'cancel_by', 'cancel_ends', 'cancel_taken' }

local function is_cancelled(id)
  return id ~= '' and record_text(id, 'cancel_asked') ~= '' and not has_ended(id)
end

-- As JSON has numbers: what another program left in a hash may be nan, or have a thousand digits.
local function is_json_number(value)
  return #value <= 32 and (string.find(value, '^-?[1-9]%d*$') or string.find(value, '^-?[1-9]%d*%.%d+$')
    or string.find(value, '^-?0$') or string.find(value, '^-?0%.%d+$'))
end

-- The framework's worker writes its status, error and `ts` over ours and keeps all else, what our last attempt left
-- too. `attempt_ts` is the `ts` that we wrote last since then, by which a reader knows that another attempt came later.
local function json_record(old, fields, gone)
  local NUMERIC = { ts = true, retry_count = true, retries = true,
                    enqueued_at = true, started_at = true, finished_at = true }
  local dated, is_ours = false, false
  local ok, known = pcall(cjson.decode, old)
  local texts = { result = 'null', error = 'null' }
  if ok and type(known) == 'table' then
    for name, value in pairs(known) do
      if type(name) == 'string' and type(value) ~= 'table' and name ~= 'result' and not gone[name] then
        -- JSON has no infinity, and an error here would leave a batch half moved.
        local encoded, text = pcall(cjson.encode, value)
        if encoded then texts[name] = text end
      end
    end
  end
  local before = texts.ts
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    dated, is_ours = dated or name == 'ts', is_ours or name == 'worker'
    if value == '' and (name == 'result' or name == 'error') then
      texts[name] = 'null'
    elseif value == '' and name == 'release' then
      texts[name] = nil
    elseif name == 'result' or (NUMERIC[name] and is_json_number(value)) then
      texts[name] = value
    else
      texts[name] = cjson.encode(value)
    end
  end
  if is_ours or dated and texts.attempt_ts and texts.attempt_ts == before then texts.attempt_ts = texts.ts end
  -- The status first, as the framework writes it: status.lua finds it there in what cjson cannot decode. A reader of a
  -- record that is cut needs both.
  local parts = { '"status": ' .. (texts.status or 'null') }
  if texts.attempt_ts then parts[2] = '"attempt_ts": ' .. texts.attempt_ts end
  texts.status, texts.attempt_ts = nil, nil
  for name, text in pairs(texts) do parts[#parts + 1] = cjson.encode(name) .. ': ' .. text end
  return '{' .. table.concat(parts, ', ') .. '}'
end

local function write_json(key, fields, ttl, names)
  local old, all, gone = redis.pcall('GET', key), {}, {}
  for _, name in ipairs(names or {}) do gone[name] = true end
  if type(old) == 'table' then
    -- A hash of ours is turned into JSON. Any other type is not a record: it is left alone.
    local known = redis.pcall('HGETALL', key)
    if known.err then return end
    for i = 1, #known, 2 do
      if not gone[known[i]] then
        all[#all + 1], all[#all + 2] = known[i], known[i + 1]
      end
    end
    old = ''
  end
  for _, each in ipairs(fields) do all[#all + 1] = each end
  redis.call('SET', key, json_record(old or '', all, gone), 'EX', ttl)
end

local function write_record(id, fields, wait, gone, form, kept)
  if id == '' then return end
  local key, status, ttl = job_key(id), fields[2], kept or RECORD_TTL
  if status ~= 'completed' and status ~= 'failed' and status ~= 'cancelled' then
    ttl = wait and unfinished_ttl(wait) or UNFINISHED_TTL
  end
  if form == 'framework' then return write_json(key, fields, ttl, gone) end
  local answer = redis.pcall('HSET', key, unpack(fields))
  if type(answer) == 'table' and answer.err then
    if not string.find(answer.err, 'WRONGTYPE', 1, true) then error(answer.err) end
    return write_json(key, fields, ttl, gone)
  end
  if gone then redis.call('HDEL', key, unpack(gone)) end
  redis.call('EXPIRE', key, ttl)
end
