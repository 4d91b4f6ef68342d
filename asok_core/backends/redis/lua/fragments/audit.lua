-- needs: time expect
-- The audit entry of an operation.
-- note(op, about, counts, applied, refused, state): add to what the operation has done so far. `about` and `counts`
--   are those of the call (see AuditedCall); `about` is kept from the first call; refused: reason -> number.
--   `asok:operation:{op}` (TRASH_TTL) holds the sums, and the operation's one entry in `asok:audit` is written
--   again with them, so that it is true whenever the caller dies.
-- expire_trash(op): the trash of an operation is kept for that time, with the positions beside it.
-- author_of(about): { who, action }, as they are written into a job's record.
local function expire_trash(op)
  redis.call('EXPIRE', trash_key(op), TRASH_TTL)
  redis.call('EXPIRE', trash_positions_key(op), TRASH_TTL)
end

local function author_of(about)
  local known = cjson.decode(about)
  return known.who or '', known.action or ''
end

local function expect_audit(op)
  expect('stream', audit_key)
  expect('hash', operation_key(op))
end

-- placed(undo, ...): whether the write ... was done. Where it was not, `undo` returns what the caller
-- has taken; the reply for a key of another type is false, and any other refusal is an error.
local function placed(undo, ...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return true end
  undo()
  if not string.find(answer.err, 'WRONGTYPE', 1, true) then error(answer.err) end
  return false
end

-- A sum that is not a number (another program wrote it) begins again: an error here would leave a batch half moved.
local function add(sums, name, n)
  local answer = redis.pcall('HINCRBY', sums, name, n)
  if type(answer) == 'table' and answer.err then redis.call('HSET', sums, name, n) end
end

local function note(op, about, counts, applied, refused, state)
  local sums = operation_key(op)
  if redis.call('EXISTS', sums) == 0 then
    local stamp = server_time()
    redis.call('HSET', sums, 'operation', op, 'at', stamp)
    for name, value in pairs(cjson.decode(about)) do redis.call('HSET', sums, name, value) end
  end
  redis.call('EXPIRE', sums, TRASH_TTL)
  for name, n in pairs(cjson.decode(counts)) do add(sums, name, n) end
  for reason, n in pairs(refused) do add(sums, 'refused:' .. reason, n) end
  add(sums, 'applied', applied)
  redis.call('HSET', sums, 'state', state)
  local entry = redis.call('HGET', sums, 'entry')
  if entry then
    redis.call('XDEL', audit_key, entry)
    redis.call('HDEL', sums, 'entry')
  end
  local fields = redis.call('HGETALL', sums)
  entry = redis.call('XADD', audit_key, 'MAXLEN', '~', AUDIT_LENGTH, '*', unpack(fields))
  redis.call('HSET', sums, 'entry', entry)
end
