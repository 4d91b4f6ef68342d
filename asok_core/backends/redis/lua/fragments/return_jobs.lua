-- needs: already_ended locations record moves status
-- Held -> pending (consuming end), some of the jobs of a queue that a hold keeps.
-- return_jobs(hold, queue, count, behind, stamp, who): how many; nil where the queue's key is of another type. Then the last
--   of them.
--   behind '': the newest of them first, so that in the end the oldest is the next to run: for all at once.
--   Otherwise the oldest first, behind the job that is `behind`, while that waits: for some after others; `-`: none before.
--   It returns none, 0, while MOST_BEHIND jobs are to run up to and with that one, or what they have is too large to be moved.
-- As many as have some megabytes: Redis serves no other client meanwhile.
-- keep_index(hold, queue): the set of lists names this one while it has jobs.
local MOST_RETURNED, MOST_BEHIND, MOST_PASSED, SEARCHED = 4194304, 1000, 8388608, 10000

local function note_returned(id, queue, stamp, who, hold)
  if not id or has_ended(id) then return end
  write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', queue,
    'moves', moves_with(id, move_line(stamp, 'release', who, hold)) }, nil, { 'held_by' })
end

local function push_reversed(list, elements)
  for i = #elements, 1, -1 do redis.call('RPUSH', list, elements[i]) end
end

-- How many jobs are to run up to and with `element`, which was returned last; 0 where it no longer waits. Others may have
-- been pushed to the consuming end since, so that it is looked for among the next SEARCHED.
local function depth_of(list, element)
  local index = redis.call('LPOS', list, element, 'RANK', -1, 'MAXLEN', SEARCHED)
  return index and redis.call('LLEN', list) - index or 0
end

-- Take `depth` jobs off the consuming end; nil, and none is taken, where they are too large to be moved.
local function take_tail(list, depth)
  local tail, bytes = {}, 0
  while #tail < depth do
    if bytes > MOST_PASSED then
      push_reversed(list, tail)
      return nil
    end
    for _, element in ipairs(redis.call('RPOP', list, math.min(10, depth - #tail))) do
      tail[#tail + 1], bytes = element, bytes + #element
    end
  end
  return tail
end

local function keep_index(hold, queue)
  if redis.call('EXISTS', held_key(hold, queue)) == 0 then
    redis.pcall('SREM', held_lists_key, hold .. ':' .. queue)
  end
end

local function return_jobs(hold, queue, count, behind, stamp, who)
  local from, to, returned, bytes, last = held_key(hold, queue), queue_key(queue), 0, 0, ''
  if not pushed('LLEN', to) then return nil, '' end
  local depth = #behind > 1 and depth_of(to, behind) or 0
  if depth > 0 then count = math.min(count, MOST_BEHIND - depth) end
  local tail = count > 0 and take_tail(to, depth)
  if not tail then return 0, '' end
  local some = {}
  while returned < count and bytes < MOST_RETURNED do
    local envelope
    if behind == '' then
      envelope = redis.call('LMOVE', from, to, 'LEFT', 'RIGHT')
    else
      envelope = redis.call('RPOP', from)
    end
    if not envelope then break end
    some[#some + 1] = envelope
    returned, bytes = returned + 1, bytes + #envelope
  end
  if behind ~= '' then
    push_reversed(to, some)
    push_reversed(to, tail)
    last = some[returned] or ''
  end
  for _, envelope in ipairs(some) do note_returned(id_in(envelope), queue, stamp, who, hold) end
  if returned > 0 then note_queue(queue) end
  keep_index(hold, queue)
  return returned, last
end
