-- What meets keys of another type, and the end of a job.
-- wrong_type(answer): whether a command met a key of another type. Any other error (a replica, no memory,
-- a slot that is being moved) ends the script.
local function wrong_type(answer)
  if type(answer) ~= 'table' or not answer.err then return false end
  if not string.find(answer.err, 'WRONGTYPE', 1, true) then error(answer.err) end
  return true
end

-- A push that meets a key of another type must not take the job with it: callers push first, and
-- remove the envelope from where it was only when this is true.
local function pushed(...) return not wrong_type(redis.pcall(...)) end

-- push_dead(dead_job, dlq_max): a dead job, newest at the left. Reply: false, or how many jobs were
-- dropped for it. Beyond the cap the oldest makes room, one for one, but never for or instead of a job that
-- was rejected, not failed: that may have been a fault of the worker. dlq_max false: it is such a job.
-- Those say so at their end. A bounded look for one that failed; the list grows where there is none.
-- dead_length: how many dead jobs there were after the last push.
local dead_length = 0
local REJECTED_END, LOOKED_AT, BYTES_LOOKED_AT = '"rejected": true}', 100, 1048576

local function push_dead(dead_job, dlq_max)
  local bytes = 0
  if not pushed('LPUSH', dead_key, dead_job) then return false end
  local length = redis.call('LLEN', dead_key)
  dead_length = length
  if not dlq_max or length <= dlq_max then return 0 end
  for i = 1, math.min(LOOKED_AT, length - 1) do
    local oldest = redis.call('LINDEX', dead_key, -i)
    if string.sub(oldest, -#REJECTED_END) ~= REJECTED_END then
      redis.call('LREM', dead_key, -1, oldest)
      dead_length = length - 1
      return 1
    end
    bytes = bytes + #oldest
    if bytes > BYTES_LOOKED_AT then break end
  end
  return 0
end

-- holder(unique): the id of the job that holds a unique key, or false. A key of another type is
-- held by no job: an error here would leave a batch half moved.
local function holder(unique)
  local id = redis.pcall('GET', unique_key(unique))
  return type(id) == 'string' and id
end

-- note_queue(queue): keep its name among those ever used. That it fails must not cost a job.
local function note_queue(queue) redis.pcall('SADD', queues_key, queue) end

-- finish(id, unique, status): notify those who wait, note it as recent, free its unique key. A user who
-- may not publish (an ACL; new users of Redis 7 may not) still finishes jobs: those who wait also look.
-- write_recent(): list those that were noted since it was called last, all at once.
local recent = {}

local function finish(id, unique, status)
  if id == '' then return end
  recent[#recent + 1] = id
  redis.pcall('PUBLISH', done_key(id), status)
  if unique ~= '' and holder(unique) == id then redis.call('DEL', unique_key(unique)) end
end

local function write_recent()
  if #recent > 0 and pushed('LPUSH', recent_key, unpack(recent)) then
    redis.call('LTRIM', recent_key, 0, RECENT_LENGTH - 1)
  end
  recent = {}
end
