-- needs: full time expect finite record moves status locations alias audit
-- restore: trash -> where it was: dead letters (each beside its neighbours), pending (consuming end) or
--   delayed (its due time); the record follows, the unique key is taken again. Newest first, one batch.
--   An edit ('edited') is undone by a swap: the edited job out of its queue for good, the original ->
--   dead jobs; or not at all where the edited job is no longer pending.
-- ARGV: ns, op, about, counts (audit), undone operation, place ('dead', 'edited', 'pending' or 'delayed'),
--   form of the records (see record.lua), then each in the order of the trash: SHA-1 (of the alias), id, queue, function,
--   unique, error (of 'edited')
-- Reply: per element 1 restored; 0 someone else was faster (it and all after it); otherwise why it stays
--   in the trash (REFUSALS in audit.lua)
local ns, op, place = ARGV[1], ARGV[2], ARGV[6]
local trash = ns .. ':trash:' .. ARGV[5]
local ats, dead = trash .. ':at', ns .. ':dlq'
local who = said(ARGV[3])
expect_audit(ns, op)
local stamp, _, now = server_time()

local function moves_of(id) return moves_with(ns, id, move_line(stamp, 'restore', who, place)) end

local function bury_again(letter, older)
  local pivot = older and older > 0 and redis.call('LINDEX', dead, -older)
  if pivot then return pushed('LINSERT', dead, 'BEFORE', pivot, letter) end
  return pushed(older == 0 and 'RPUSH' or 'LPUSH', dead, letter)
end

-- why_not(id): why an edited job is not where the edit put it.
local EDITED = { running = 6, completed = 7, failed = 7, cancelled = 7, retrying = 8 }
local function why_not(id) return EDITED[status_of(ns, id)] or 9 end

local function swap_edited(original, edited, id, queue, task, unique, error_text)
  local list = pending_key(ns, queue)
  local found = edited and redis.pcall('LPOS', list, edited)
  if type(found) ~= 'number' then return why_not(id) end
  if not bury_again(original) then return 2 end
  redis.call('LREM', list, 1, edited)
  write_record(ns, id, { 'status', 'failed', 'ts', stamp, 'finished_at', stamp, 'queue', queue,
    'function', task, 'error', error_text, 'moves', moves_of(id) }, nil, nil, ARGV[7])
  finish(ns, id, unique, 'failed')
  return 1
end

local function put_back(element, at, id, queue, task, unique, error_text)
  if place == 'edited' then return swap_edited(element, at, id, queue, task, unique, error_text) end
  local held_by = unique ~= '' and holder(ns, unique)
  if place == 'dead' then
    if not bury_again(element, finite(at)) then return 2 end
    add_move(ns, id, move_line(stamp, 'restore', who, place))
    return 1
  end
  if held_by and held_by ~= id and not has_ended(ns, held_by) then return 3 end
  local status = 'pending'
  if place == 'delayed' then
    status = 'scheduled'
    -- What no longer has a time, since somebody wrote into the trash, is due now.
    at = finite(at) and at or tostring(now)
    if not pushed('ZADD', ns .. ':delayed_tasks', at, element) then return 2 end
  elseif not pushed('RPUSH', pending_key(ns, queue), element) then
    return 2
  end
  local ended = status_of(ns, id)
  -- The job of which this is a copy had ended before the copy was cancelled.
  if ended == 'completed' or ended == 'failed' then return 1 end
  local wait = place == 'delayed' and tonumber(at) - now or nil
  hold_unique(ns, unique, id, wait)
  write_record(ns, id, { 'status', status, 'ts', stamp, 'queue', queue, 'function', task,
    'moves', moves_of(id) }, wait, { 'finished_at' }, ARGV[7])
  return 1
end

local replies, applied, refused = {}, 0, {}
for i = 8, #ARGV, 6 do
  local element = redis.call('LINDEX', trash, 0)
  local reply = 0
  if element and redis.sha1hex(alias(element)) == ARGV[i] then
    local at = redis.call('LINDEX', ats, 0)
    reply = put_back(element, at, unpack(ARGV, i + 1, i + 5))
    if reply == 1 then
      redis.call('LPOP', trash)
      redis.call('LPOP', ats)
      applied = applied + 1
    else
      redis.call('LMOVE', trash, trash, 'LEFT', 'RIGHT')
      if at then redis.call('LMOVE', ats, ats, 'LEFT', 'RIGHT') end
      refused[REFUSALS[reply]] = (refused[REFUSALS[reply]] or 0) + 1
    end
  end
  replies[#replies + 1] = reply
  if reply == 0 then break end
end
write_recent(ns)
note(ns, op, ARGV[3], ARGV[4], applied, refused, 'running')
return replies
