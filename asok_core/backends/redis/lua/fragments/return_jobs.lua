-- needs: already_ended locations record moves status
-- Held -> pending (consuming end), some of the jobs of a queue that a hold keeps.
-- return_jobs(hold, queue, count, behind, stamp, who): how many; nil where the queue's key is of another type. Then the last
--   of them.
--   behind '': the newest of them first, so that in the end the oldest is the next to run: for all at once.
--   Otherwise the oldest first, behind those that wait and were returned before: at least the job that is `behind` (`-`: it
--   is not known, as for a command that repeats one that was ended), and those next to it of which the records show that.
--   No more than MOST_BEHIND wait then that were returned so: 0 means also that those are to be taken first.
-- As many as have some megabytes: Redis serves no other client meanwhile.
-- keep_index(hold, queue): the set of lists names this one while it has jobs.
local MOST_RETURNED, MOST_BEHIND, MOST_PASSED, SEARCHED, PUSHED_SINCE = 4194304, 1000, 1048576, 10000, 10

local function note_returned(id, queue, stamp, who, hold)
  if not id or has_ended(id) then return end
  write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', queue,
    'moves', moves_with(id, move_line(stamp, 'release', who, hold)) }, nil, { 'held_by' })
end

local function push_reversed(list, elements)
  for i = #elements, 1, -1 do redis.call('RPUSH', list, elements[i]) end
end

local function was_returned(list, depth, hold)
  local element = redis.call('LINDEX', list, -depth)
  local id = element and id_in(element)
  for _, line in ipairs(id and lines_of(record_text(id, 'moves')) or {}) do
    local detail = ',"' .. hold .. '"]'
    if string.find(line, '"release"', 1, true) and string.sub(line, -#detail) == detail then return true end
  end
  return false
end

-- How many are to run until the last of those that were returned before, with it: 0 where none of them waits. `behind`
-- is looked for behind others that were pushed to the consuming end since; then those next to it, in growing and then
-- in smaller steps.
local function depth_of(list, hold, behind)
  local index = #behind > 1 and redis.call('LPOS', list, behind, 'RANK', -1, 'MAXLEN', SEARCHED)
  local depth, step = index and redis.call('LLEN', list) - index or 0, 1
  for i = 1, depth == 0 and PUSHED_SINCE or 0 do
    if was_returned(list, i, hold) then
      depth = i
      break
    end
  end
  if depth == 0 then return 0 end
  while was_returned(list, depth + step, hold) do depth, step = depth + step, step * 2 end
  while step > 1 do
    step = step / 2
    if was_returned(list, depth + step, hold) then depth = depth + step end
  end
  return depth
end

-- Take that many off the consuming end; nil, and none, where they are too large to be moved. These are only read: a release
-- that waits does so several times a second, and what is moved is in the AOF and goes to replicas.
local function take_tail(list, depth)
  local bytes = 0
  for i = 1, depth do
    bytes = bytes + #redis.call('LINDEX', list, -i)
    if bytes > MOST_PASSED then return nil end
  end
  return depth > 0 and redis.call('RPOP', list, depth) or {}
end

local function keep_index(hold, queue)
  if redis.call('EXISTS', held_key(hold, queue)) == 0 then
    redis.pcall('SREM', held_lists_key, hold .. ':' .. queue)
  end
end

local function return_jobs(hold, queue, count, behind, stamp, who)
  local from, to, returned, bytes, last = held_key(hold, queue), queue_key(queue), 0, 0, ''
  if not pushed('LLEN', to) then return nil, '' end
  local depth = behind ~= '' and depth_of(to, hold, behind) or 0
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
