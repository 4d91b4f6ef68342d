-- Fragment (put before a script that says `needs: time expect audit`): the audit entry of an operator's action.
-- note(ns, op, about, counts, applied, refused, state): add to what the action has done so far.
--   about: JSON object of words (who, action, ...), kept from the first call; counts: JSON object of
--   numbers; refused: reason -> number. `asok:operation:{op}` (a day) holds the sums, and the action's
--   one entry in `asok:audit` is written anew with them, so that it is true whenever the caller dies.
-- expire_trash(trash): the trash of an action is kept for so long, with what stands beside it.
-- said(about): { who, action }, as words that are written into a job's record.
local TRASH_TTL = @TRASH_TTL@

-- Why a job stays where it is, by a script's reply; `sweep.REASONS` says the same words.
local REFUSALS = {
  [2] = 'its key in Redis is of another type',
  [3] = 'its unique key is held by another job',
  [4] = 'its job has completed: this is a copy',
  [10] = 'its job was cancelled: this is a copy',
  [6] = 'the edited job is running',
  [7] = 'the edited job has ended',
  [8] = 'the edited job has run and waits for a retry',
  [9] = 'the edited job is no longer where the edit put it',
}

local function expire_trash(trash)
  redis.call('EXPIRE', trash, TRASH_TTL)
  redis.call('EXPIRE', trash .. ':at', TRASH_TTL)
end

local function said(about)
  local known = cjson.decode(about)
  return known.who or '', known.action or ''
end

local function expect_audit(ns, op)
  expect('stream', ns .. ':audit')
  expect('hash', ns .. ':operation:' .. op)
end

-- placed(undo, ...): whether the write ... was done. Where it was not, `undo` puts back what the caller
-- has taken; a key of another type is told by false, and any other refusal is an error.
local function placed(undo, ...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return true end
  undo()
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  return false
end

-- A sum that is no number (somebody wrote there) begins again: an error here would leave a batch half moved.
local function add(sums, name, n)
  local reply = redis.pcall('HINCRBY', sums, name, n)
  if type(reply) == 'table' and reply.err then redis.call('HSET', sums, name, n) end
end

local function note(ns, op, about, counts, applied, refused, state)
  local sums, audit = ns .. ':operation:' .. op, ns .. ':audit'
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
    redis.call('XDEL', audit, entry)
    redis.call('HDEL', sums, 'entry')
  end
  local fields = redis.call('HGETALL', sums)
  entry = redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', unpack(fields))
  redis.call('HSET', sums, 'entry', entry)
end
