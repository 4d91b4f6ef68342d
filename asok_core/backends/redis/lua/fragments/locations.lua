-- Fragment (put before a script that says `needs: locations`): keys, and the end of a job.
local function pending_key(ns, queue)
  return queue == 'default' and ns .. ':queue' or ns .. ':queue:' .. queue
end

local function active_key(ns, process, queue) return ns .. ':active:' .. process .. ':' .. queue end

-- wrong_type(reply): whether a command met a key of another type. Any other error (a replica, no memory,
-- a slot under way) ends the script.
local function wrong_type(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  return true
end

-- A push that meets a key of another type must not take the job with it: callers push first, and
-- remove the envelope from where it was only when this says true.
local function pushed(...) return not wrong_type(redis.pcall(...)) end

-- push_dead(ns, letter, dlq_max): a dead job, newest at the left. Reply: false, or how many jobs were
-- dropped for it. Beyond the cap the oldest makes room, one for one, but never for or instead of a job that
-- was rejected, not failed: that may have been a fault of the worker. dlq_max false: it is such a job.
-- Those say so at their end. A bounded look for one that failed; the list grows where there is none.
-- dead_length: how many dead jobs there were after the last push.
local dead_length = 0
local REJECTED, LOOKED_AT, MOST_BYTES = '"rejected": true}', 100, 1048576

local function push_dead(ns, letter, dlq_max)
  local dead, bytes = ns .. ':dlq', 0
  if not pushed('LPUSH', dead, letter) then return false end
  local length = redis.call('LLEN', dead)
  dead_length = length
  if not dlq_max or length <= dlq_max then return 0 end
  for i = 1, math.min(LOOKED_AT, length - 1) do
    local oldest = redis.call('LINDEX', dead, -i)
    if string.sub(oldest, -#REJECTED) ~= REJECTED then
      redis.call('LREM', dead, -1, oldest)
      return 1
    end
    bytes = bytes + #oldest
    if bytes > MOST_BYTES then break end
  end
  return 0
end

-- holder(ns, unique): the id of the job that holds a unique key, or false. A key that somebody spoiled is
-- held by nobody: an error here would leave a batch half moved.
local function holder(ns, unique)
  local id = redis.pcall('GET', ns .. ':unique:' .. unique)
  return type(id) == 'string' and id
end

-- note_queue(ns, queue): keep its name among those ever used, which is worth no job.
local function note_queue(ns, queue) redis.pcall('SADD', ns .. ':queues', queue) end

-- finish(ns, id, unique, status): tell whoever waits, note it as recent, free its unique key. A user who
-- may not publish (an ACL; new users of Redis 7 may not) still finishes jobs: whoever waits looks as well.
-- write_recent(ns): list those that were noted since it was called last, all at once.
local recent = {}

local function finish(ns, id, unique, status)
  if id == '' then return end
  recent[#recent + 1] = id
  redis.pcall('PUBLISH', ns .. ':done:' .. id, status)
  if unique ~= '' and holder(ns, unique) == id then redis.call('DEL', ns .. ':unique:' .. unique) end
end

local function write_recent(ns)
  if #recent > 0 and pushed('LPUSH', ns .. ':recent', unpack(recent)) then
    redis.call('LTRIM', ns .. ':recent', 0, 999)
  end
  recent = {}
end
