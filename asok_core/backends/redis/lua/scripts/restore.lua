-- needs: full time expect finite record moves status locations alias audit
-- Trash -> where it was: dead jobs (each beside its neighbours), pending (consuming end) or
--   delayed (its due time); the record follows, the unique key is taken again. Newest first, one batch.
--   An edit (`edited`) is undone by a swap: the edited job out of its queue for good, the original ->
--   dead jobs; or not at all where the edited job is no longer pending.
-- Reply: per element 1 restored; 0 another was faster (it and all after it); otherwise why it stays
--   in the trash (REFUSALS)
local trash, positions = trash_key(undone), trash_positions_key(undone)
local who = author_of(about)
expect_audit(op)
local stamp, _, now = server_time()

local function moves_of(id) return moves_with(id, move_line(stamp, 'restore', who, location)) end

local function push_back_dead(dead_job, older)
  local pivot = older and older > 0 and redis.call('LINDEX', dead_key, -older)
  if pivot then return pushed('LINSERT', dead_key, 'BEFORE', pivot, dead_job) end
  return pushed(older == 0 and 'RPUSH' or 'LPUSH', dead_key, dead_job)
end

-- why_not(id): why an edited job is not where the edit put it.
local EDITED = { running = 6, completed = 7, failed = 7, cancelled = 7, retrying = 8 }
local function why_not(id) return EDITED[status_of(id)] or 9 end

local function swap_edited(original, edited, i)
  local id, queue = ARGV[i + RESTORED_JOB.id], ARGV[i + RESTORED_JOB.queue]
  local list = queue_key(queue)
  local found = edited and redis.pcall('LPOS', list, edited)
  if type(found) ~= 'number' then return why_not(id) end
  if not push_back_dead(original) then return 2 end
  redis.call('LREM', list, 1, edited)
  write_record(id, { 'status', 'failed', 'ts', stamp, 'finished_at', stamp, 'queue', queue,
    'function', ARGV[i + RESTORED_JOB.task], 'error', ARGV[i + RESTORED_JOB.error], 'moves', moves_of(id) },
    nil, nil, records)
  finish(id, ARGV[i + RESTORED_JOB.unique], 'failed')
  return 1
end

local function restore_job(element, at, i)
  if location == 'edited' then return swap_edited(element, at, i) end
  local id, queue, unique = ARGV[i + RESTORED_JOB.id], ARGV[i + RESTORED_JOB.queue], ARGV[i + RESTORED_JOB.unique]
  local held_by = unique ~= '' and holder(unique)
  if location == 'dead' then
    if not push_back_dead(element, finite(at)) then return 2 end
    add_move(id, move_line(stamp, 'restore', who, location))
    return 1
  end
  if held_by and held_by ~= id and not has_ended(held_by) then return 3 end
  local status = 'pending'
  if location == 'delayed' then
    status = 'scheduled'
    -- What no longer has a time, since another program wrote into the trash, is due now.
    at = finite(at) and at or tostring(now)
    if not pushed('ZADD', delayed_key, at, element) then return 2 end
  elseif not pushed('RPUSH', queue_key(queue), element) then
    return 2
  end
  local ended = status_of(id)
  -- The job of which this is a copy had ended before the copy was cancelled.
  if ended == 'completed' or ended == 'failed' then return 1 end
  local wait = location == 'delayed' and tonumber(at) - now or nil
  hold_unique(unique, id, wait)
  write_record(id, { 'status', status, 'ts', stamp, 'queue', queue, 'function', ARGV[i + RESTORED_JOB.task],
    'moves', moves_of(id) }, wait, { 'finished_at' }, records)
  return 1
end

local replies, applied, refused = {}, 0, {}
for i = jobs_first, jobs_last, RESTORED_JOB.SIZE do
  local element = redis.call('LINDEX', trash, 0)
  local flag = 0
  if element and redis.sha1hex(alias(element)) == ARGV[i + RESTORED_JOB.sha1] then
    local at = redis.call('LINDEX', positions, 0)
    flag = restore_job(element, at, i)
    if flag == 1 then
      redis.call('LPOP', trash)
      redis.call('LPOP', positions)
      applied = applied + 1
    else
      redis.call('LMOVE', trash, trash, 'LEFT', 'RIGHT')
      if at then redis.call('LMOVE', positions, positions, 'LEFT', 'RIGHT') end
      refused[REFUSALS[flag]] = (refused[REFUSALS[flag]] or 0) + 1
    end
  end
  replies[#replies + 1] = flag
  if flag == 0 then break end
end
write_recent()
note(op, about, counts, applied, refused, 'running')
return replies
