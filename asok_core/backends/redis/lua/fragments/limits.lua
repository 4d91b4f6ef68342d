-- needs: held return_jobs record status locations paused
-- Limits: how many jobs of a bucket run at once, and how many start in a time. A bucket is a queue, a task, or the jobs of a task
-- with one value of an argument; `limit` is a table with bucket, at_once (0: any number), interval (seconds between two starts
-- at the steady rate, 0: no rate) and burst.
--   asok:limit:{bucket}           what it is; `free_at`: from when the rate allows a start; `queue:{queue}`: its jobs wait there
--   asok:limit:{bucket}:running   id -> process, queue and a number: what is counted, where there is an at_once
--   asok:limit:{bucket}:next      id -> queue: given back to the consuming end of its queue, and not started yet
--   asok:held:{bucket}:{queue}    those that wait, the oldest at the right
--   asok:limits                   bucket -> when a supervisor looks at it next
-- What runs is never a counter: each entry names its process, and a supervisor removes what is no longer in an active list.
-- note_served(queue): a process claims from it.
-- state_of(limit): how many run, are the next (`blocking`: those that a worker would start), and whether some wait.
-- may_start(limit, id, holder, now): whether a job may start. One that was given back waits only for those that run; another also
--   for those that wait or were given back before it.
-- enter(limit, id, holder, now): it starts.
-- leave(limit, id): it does not run, nor is it the next. Returns whether it was either.
-- set_waiting(limit, queue, id, envelope, oldest): to those that wait, by when it was enqueued, or as the oldest; false where a key
--   is of another type.
-- give_back(limit, now, stamp, most): as many as may start, at most that many, in their order. Returns how many.
-- look_again(limit, now): when a supervisor is to look at it, or that nothing is left of it. Supervisors learn of an earlier time.
local LOOK_WAITING, LOOK_RUNNING, DESCRIBED = 1, 60, 3

-- Only another program can have put anything else there.
local function size_of(key)
  local size = redis.pcall('HLEN', key)
  if not wrong_type(size) then return size end
  redis.call('DEL', key)
  return 0
end

local function enqueued_at(id) return id and tonumber(record_text(id, 'enqueued_at')) end

-- Queues from which a worker claims. The workers are read once for a script, and only where another queue is in question.
local served, are_workers_read = {}, false

local function note_served(queue) served[queue] = true end

local function is_served(queue)
  if not served[queue] and not are_workers_read then
    are_workers_read = true
    local workers = redis.pcall('ZRANGE', workers_key, 0, -1)
    for _, worker in ipairs(wrong_type(workers) and {} or workers) do
      local known = redis.pcall('HMGET', worker_key(worker), 'queues', 'quiet', 'stopping')
      if not wrong_type(known) and known[2] ~= '1' and known[3] ~= '1' then
        for each in string.gmatch(known[1] or '', '[^,]+') do served[each] = true end
      end
    end
  end
  return served[queue] or false
end

-- Those in paused queues, and in queues that no worker serves, do not keep others from starting.
local function count_of_blocking(limit)
  local count, idle = 0, {}
  for _, queue in ipairs(redis.call('HVALS', limit_next_key(limit.bucket))) do
    if idle[queue] == nil then idle[queue] = is_paused(queue) or not is_served(queue) end
    if not idle[queue] then count = count + 1 end
  end
  return count
end

local function waiting_queues(limit)
  local queues, key = {}, limit_key(limit.bucket)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local queue = string.match(field, '^queue:(.+)$')
    local length = queue and redis.pcall('LLEN', held_key(limit.bucket, queue))
    if type(length) == 'number' and length > 0 then
      queues[#queues + 1] = queue
    elseif queue then
      redis.call('HDEL', key, field)
      keep_index(limit.bucket, queue)
    end
  end
  return queues
end

-- Read once for a script. Of most buckets there is nothing, which one command shows.
local states = {}

local function state_of(limit)
  local bucket = limit.bucket
  local state = states[bucket]
  if state then return state end
  state = { running = 0, next_up = 0, blocking = 0, queues = {} }
  local key, running, next_up = limit_key(bucket), limit_running_key(bucket), limit_next_key(bucket)
  if redis.call('EXISTS', key, running, next_up) > 0 then
    local fields = size_of(key)
    state.is_described, state.running, state.next_up = fields > 0, size_of(running), size_of(next_up)
    if state.next_up > 0 then state.blocking = count_of_blocking(limit) end
    if fields > DESCRIBED then state.queues = waiting_queues(limit) end
  end
  states[bucket] = state
  return state
end

-- From when the next start is allowed, where up to a burst of what was not used is kept.
local function base_of(limit, now)
  local free_at = state_of(limit).is_described and tonumber(redis.call('HGET', limit_key(limit.bucket), 'free_at') or nil) or 0
  -- It was written before the clock was set back, or under a slower rate.
  if free_at > now + limit.interval then
    free_at = now + limit.interval
    redis.call('HSET', limit_key(limit.bucket), 'free_at', string.format('%.6f', free_at))
  end
  return math.max(free_at, now - (limit.burst - 1) * limit.interval)
end

-- How many may start, of which those that were given back are the first.
local function room_of_rate(limit, now)
  if limit.interval == 0 then return math.huge end
  local base = base_of(limit, now)
  return base > now and 0 or math.floor((now - base) / limit.interval + 1e-9) + 1
end

local function room_at_once(limit) return limit.at_once > 0 and limit.at_once - state_of(limit).running or math.huge end

local function room(limit, now) return math.min(room_of_rate(limit, now), room_at_once(limit)) end

local function is_in(key, size, id) return size > 0 and redis.call('HEXISTS', key, id) == 1 end

local function may_start(limit, id, holder_of, now)
  local state = state_of(limit)
  limit.runs = is_in(limit_running_key(limit.bucket), state.running, id)
  limit.is_next = is_in(limit_next_key(limit.bucket), state.next_up, id)
  if limit.runs then
    -- Its process died, and it is counted already; or the same start is sent again, which a rate has counted, too.
    local is_same = redis.call('HGET', limit_running_key(limit.bucket), id) == holder_of
    return room_at_once(limit) >= 0 and (is_same or room_of_rate(limit, now) >= 1)
  end
  local left = room(limit, now)
  if limit.is_next then return left >= 1 end
  return #state.queues == 0 and left - state.blocking >= 1
end

local function enter(limit, id, holder_of, now)
  local bucket, state = limit.bucket, state_of(limit)
  if limit.interval > 0 then
    redis.call('HSET', limit_key(bucket), 'free_at', string.format('%.6f', base_of(limit, now) + limit.interval))
    state.is_described = true
  end
  if limit.is_next then
    redis.call('HDEL', limit_next_key(bucket), id)
    state.next_up, state.blocking = state.next_up - 1, math.max(0, state.blocking - 1)
  end
  if limit.at_once > 0 then state.running = state.running + redis.call('HSET', limit_running_key(bucket), id, holder_of) end
end

local function leave(limit, id)
  local bucket, state = limit.bucket, state_of(limit)
  local was_next = state.next_up > 0 and redis.call('HDEL', limit_next_key(bucket), id) == 1
  local ran = state.running > 0 and redis.call('HDEL', limit_running_key(bucket), id) == 1
  if was_next then state.next_up, state.blocking = state.next_up - 1, math.max(0, state.blocking - 1) end
  if ran then state.running = state.running - 1 end
  return was_next or ran
end

-- How many that wait were enqueued after a job: two processes that claim at once may come in the other order.
local function count_of_newer(list, id)
  local since, count = enqueued_at(id), 0
  while since and count < MOST_GIVEN_BACK do
    local element = redis.call('LINDEX', list, count)
    local other = element and enqueued_at(id_in(element))
    if not other or other <= since then break end
    count = count + 1
  end
  return count
end

local function set_waiting(limit, queue, id, envelope, oldest)
  local list, state = held_key(limit.bucket, queue), state_of(limit)
  if not name_held(limit.bucket, queue) or not pushed('LLEN', list) then return false end
  if oldest then
    redis.call('RPUSH', list, envelope)
  else
    local newer = count_of_newer(list, id)
    local passed = newer > 0 and redis.call('LPOP', list, newer) or {}
    redis.call('LPUSH', list, envelope)
    for i = #passed, 1, -1 do redis.call('LPUSH', list, passed[i]) end
  end
  if redis.call('HSET', limit_key(limit.bucket), 'queue:' .. queue, '1') == 1 then
    state.queues[#state.queues + 1], state.is_described = queue, true
  end
  return true
end

-- Queues to which jobs can be given back: of several those that workers serve come first, and of these the one whose next job was
-- enqueued first.
local function open_queues(limit)
  local open, since = {}, {}
  for _, queue in ipairs(state_of(limit).queues) do
    if redis.call('EXISTS', held_key(limit.bucket, queue)) == 1 and not is_paused(queue) and pushed('LLEN', queue_key(queue)) then
      open[#open + 1] = queue
    end
  end
  if #open < 2 then return open end
  for _, queue in ipairs(open) do
    since[queue] = enqueued_at(id_in(redis.call('LINDEX', held_key(limit.bucket, queue), -1))) or 0
  end
  table.sort(open, function(one, two)
    if is_served(one) ~= is_served(two) then return is_served(one) end
    return since[one] < since[two]
  end)
  return open
end

-- How many at the consuming end were given back before and not started yet: the next one comes behind them.
local function depth_of_next(limit, list)
  local most = state_of(limit).next_up
  for depth = 0, most - 1 do
    local element = redis.call('LINDEX', list, -depth - 1)
    local id = element and id_in(element)
    if not id or redis.call('HEXISTS', limit_next_key(limit.bucket), id) == 0 then return depth end
  end
  return most
end

local function give_back_of(limit, queue, count, stamp)
  local from, to, state = held_key(limit.bucket, queue), queue_key(queue), state_of(limit)
  local tail = take_tail(to, depth_of_next(limit, to)) or {}
  local some = redis.call('RPOP', from, count)
  push_reversed(to, some)
  push_reversed(to, tail)
  for _, envelope in ipairs(some) do
    local id = id_in(envelope)
    if id then
      local new = redis.call('HSET', limit_next_key(limit.bucket), id, queue)
      state.next_up, state.blocking = state.next_up + new, state.blocking + (is_served(queue) and new or 0)
    end
    note_returned(id, queue, stamp, '', limit.bucket)
  end
  note_queue(queue)
  return #some
end

local function give_back(limit, now, stamp, most)
  local given, count = 0, math.min(most, room(limit, now) - state_of(limit).blocking)
  while given < count do
    local open = open_queues(limit)
    if #open == 0 then break end
    given = given + give_back_of(limit, open[1], #open == 1 and count - given or 1, stamp)
  end
  if given > 0 then state_of(limit).queues = waiting_queues(limit) end
  return given
end

local function look_again(limit, now)
  local bucket, state, at = limit.bucket, state_of(limit), nil
  if #state.queues > 0 then
    -- When the rate allows one more than those that were given back. If that is now, something else keeps it.
    local due = limit.interval > 0 and base_of(limit, now) + state.blocking * limit.interval or now
    at = due > now and due or now + LOOK_WAITING
  elseif state.running + state.next_up > 0 then
    at = now + LOOK_RUNNING
  elseif limit.interval > 0 and base_of(limit, now) > now then
    at = base_of(limit, now)
  end
  if not at then
    redis.call('DEL', limit_key(bucket))
    pushed('ZREM', limits_key, bucket)
    return
  end
  local score = string.format('%.6f', at)
  if limit.interval > 0 and #state.queues > 0 then
    local former = redis.pcall('ZSCORE', limits_key, bucket)
    if type(former) ~= 'string' or tonumber(former) > at + 0.005 then redis.pcall('PUBLISH', wake_key, 'limit ' .. score) end
  end
  if not pushed('ZADD', limits_key, score, bucket) then
    redis.call('DEL', limits_key)
    redis.call('ZADD', limits_key, score, bucket)
  end
end
