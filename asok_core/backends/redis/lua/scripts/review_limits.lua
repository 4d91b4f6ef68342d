-- needs: full time record status already_ended limits
-- A look at limits at which jobs wait or run: what is counted and no longer in the active list of its process, or was given back and
--   no longer waits in its queue, is not counted any longer, and as many that wait may start. A limit that ended gives back all.
-- Reply: how many were given back.
local stamp, now = server_time()

local function is_held_by(process, queue, id)
  local found = redis.pcall('LRANGE', active_key(process, queue), 0, -1)
  if wrong_type(found) then return false end
  for _, envelope in ipairs(found) do
    if id_in(envelope) == id then return true end
  end
  return false
end

-- Its process died, or could not report that it returned the job: it waits in its queue.
local function keep_waiting(limit, id, queue)
  if status_of(id) == 'pending' or status_of(id) == 'running' then
    redis.call('HSET', limit_next_key(limit.bucket), id, queue)
  end
end

local function remove_stale(limit)
  local running, next_up = limit_running_key(limit.bucket), limit_next_key(limit.bucket)
  local those_next = size_of(next_up) > 0 and redis.call('HGETALL', next_up) or {}
  for i = 1, #those_next, 2 do
    local id, queue = those_next[i], those_next[i + 1]
    -- A record of the framework names no queue.
    local recorded = record_text(id, 'queue')
    if status_of(id) ~= 'pending' or recorded ~= queue and recorded ~= '' then redis.call('HDEL', next_up, id) end
  end
  local those_running = size_of(running) > 0 and redis.call('HGETALL', running) or {}
  for i = 1, #those_running, 2 do
    local id, process, queue = those_running[i], string.match(those_running[i + 1], '^([^\n]*)\n([^\n]*)\n')
    if not process or not is_held_by(process, queue, id) then
      redis.call('HDEL', running, id)
      if process then keep_waiting(limit, id, queue) end
    end
  end
end

local given = 0
for i = limits_first, limits_last, REVIEWED_LIMIT.SIZE do
  local limit = { bucket = ARGV[i + REVIEWED_LIMIT.bucket], at_once = tonumber(ARGV[i + REVIEWED_LIMIT.at_once]),
    interval = tonumber(ARGV[i + REVIEWED_LIMIT.interval]), burst = tonumber(ARGV[i + REVIEWED_LIMIT.burst]) }
  remove_stale(limit)
  local some = give_back(limit, now, stamp, MOST_GIVEN_BACK)
  look_again(limit, now)
  if some == MOST_GIVEN_BACK then redis.call('ZADD', limits_key, string.format('%.6f', now), limit.bucket) end
  given = given + some
end
return given
