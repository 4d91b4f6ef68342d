-- needs: already_ended locations record moves status
-- Held -> pending (consuming end), some of the jobs of a queue that a hold keeps.
-- return_jobs(hold, queue, count, behind, stamp, who): how many; nil where the queue's key is of another type. Then what names
--   the last of them.
--   behind '': the newest of them first, so that in the end the oldest is the next to run: for all at once.
--   Otherwise the oldest first, behind the one that `behind` names, while that waits: for some after others; `-`: none before.
-- As many as have some megabytes: Redis serves no other client meanwhile.
-- keep_index(hold, queue): the set of lists names this one while it has jobs.
local MOST_GIVEN, MOST_BEHIND, MOST_PASSED = 4194304, 1000, 8388608

local function note_returned(id, queue, stamp, who, hold)
  if not id or has_ended(id) then return end
  write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', queue,
    'moves', moves_with(id, move_line(stamp, 'release', who, hold)) }, nil, { 'held_by' })
end

-- A job that was returned before and all to the right of it, which are taken off the list.
local function tail_from(list, behind)
  local tail, bytes = {}, 0
  for i = 1, MOST_BEHIND do
    local element = redis.call('LINDEX', list, -i)
    if not element then return {} end
    tail[i], bytes = element, bytes + #element
    if redis.sha1hex(element) == behind then
      for _ = 1, i do redis.call('RPOP', list) end
      return tail
    end
    if bytes > MOST_PASSED then return {} end
  end
  return {}
end

local function keep_index(hold, queue)
  if redis.call('EXISTS', held_key(hold, queue)) == 0 then
    redis.pcall('SREM', held_lists_key, hold .. ':' .. queue)
  end
end

local function return_jobs(hold, queue, count, behind, stamp, who)
  local from, to, given, bytes, last = held_key(hold, queue), queue_key(queue), 0, 0, ''
  if not pushed('LLEN', to) then return nil, '' end
  local tail = #behind > 1 and tail_from(to, behind) or {}
  local some = {}
  while given < count and bytes < MOST_GIVEN do
    local envelope
    if behind == '' then
      envelope = redis.call('LMOVE', from, to, 'LEFT', 'RIGHT')
    else
      envelope = redis.call('RPOP', from)
    end
    if not envelope then break end
    some[#some + 1] = envelope
    given, bytes = given + 1, bytes + #envelope
  end
  if behind ~= '' then
    for i = #some, 1, -1 do redis.call('RPUSH', to, some[i]) end
    for i = #tail, 1, -1 do redis.call('RPUSH', to, tail[i]) end
    if given > 0 then last = redis.sha1hex(some[given]) end
  end
  for _, envelope in ipairs(some) do note_returned(id_in(envelope), queue, stamp, who, hold) end
  if given > 0 then note_queue(queue) end
  keep_index(hold, queue)
  return given, last
end
