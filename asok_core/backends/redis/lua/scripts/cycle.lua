-- needs: full finite record head_id status already_ended stats locations attempts failure_notices set_aside settle complete
-- One round trip of a worker's process: settle what finished (see settle.lua and complete.lua), note what started,
-- claim (pending -> active) from the queues in their strict order.
-- ARGV: ns, worker, process, slots, dlq_max, end to claim from (RIGHT: the oldest, LEFT: the newest),
--   bytes up to which an element is an envelope, #queues, queues...,
--   #finished, outcomes (each as settle.lua or complete.lua says),
--   #started, then each: queue, envelope, id, function, retries, retry_count, started_at, returnable
-- Reply: { lease left (ms; <= 0: lost, nothing was claimed), server time (ms), flags of the finished,
--   flags of the started, claimed { queue index, envelope, ... }, paused queue indexes,
--   suspects exist (0/1), dropped dead letters, indexes of queues that are no lists,
--   notices of failures exist for the queues (0/1), dead jobs there are after one was added (0: none was),
--   set aside (see set_aside.lua) { queue index, size, SHA-1, ... },
--   claimed ones that may have ended { which, from 1; flag of already_ended.lua; ... } }
-- Of what is oversized no byte is in the reply. Where it cannot be set aside it stays in the active list, so that
-- it does not hold up its queue.
-- Flags of the started: 1 noted, or admitted; 0 not in the active list; 2 given back, for its queue is
--   paused or the lease is lost. The last only of a `returnable`: a job that came by the idle wait and has
--   not begun; nothing is written in its record, which says pending. An admitted one: 1, or 3, 4 or 5 where
--   already_ended.lua says 1, 2 or 3 of it.
local ns, worker, process, slots, dlq_max = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local queues, finished, started, claimed, paused, broken, aside, doubtful = {}, {}, {}, {}, {}, {}, {}, {}
local suspects, notices, dropped = 0, 0, 0

local largest = tonumber(ARGV[7])
local at = 9 + tonumber(ARGV[8])
local marks = { ns .. ':suspects' }
for i = 9, at - 1 do
  queues[i - 8] = ARGV[i]
  marks[i - 7] = notices_key(ns, ARGV[i])
end
-- Mostly there are neither, which one command tells.
local exist = redis.call('EXISTS', unpack(marks))
if exist > 0 then
  suspects = redis.call('EXISTS', marks[1])
  notices = exist > suspects and 1 or 0
end

local count = tonumber(ARGV[at])
at = at + 1
while #finished < count do
  if ARGV[at] == 'complete' then
    at = complete(ns, process, suspects, at, finished)
  else
    local flag, gone = settle(ns, process, now, suspects, dlq_max, at)
    finished[#finished + 1], dropped, at = flag, dropped + gone, at + OUTCOME
  end
end
write_recent(ns)

local stopped = {}
for i, queue in ipairs(queues) do
  local marked = redis.pcall('SISMEMBER', ns .. ':paused', queue)
  -- Where somebody spoiled the key, no queue is paused, as the console says too.
  if not wrong_type(marked) and marked == 1 then
    stopped[queue] = true
    paused[#paused + 1] = i
  end
end
local lease = redis.call('ZSCORE', ns .. ':workers', worker)
local left = lease and math.floor(tonumber(lease) - now * 1000) or -1

count = tonumber(ARGV[at])
at = at + 1
for i = 1, count do
  local queue, envelope = ARGV[at], ARGV[at + 1]
  local active = active_key(ns, process, queue)
  local place = redis.pcall('LPOS', active, envelope)
  if wrong_type(place) or not place then
    started[i] = 0
  elseif ARGV[at + 7] == '1' then
    local closed = stopped[queue] or left <= 0
    if closed and pushed('RPUSH', pending_key(ns, queue), envelope) then
      redis.call('LREM', active, -1, envelope)
      started[i] = 2
    else
      local flag = spent(ns, envelope)
      started[i] = flag and flag + 2 or 1
    end
  else
    started[i] = 1
    write_record(ns, ARGV[at + 2], { 'status', 'running', 'ts', string.format('%.6f', now),
      'queue', queue, 'function', ARGV[at + 3], 'retries', ARGV[at + 4], 'retry_count', ARGV[at + 5],
      'started_at', ARGV[at + 6], 'worker', process })
  end
  at = at + 8
end

-- What is claimed at once is in memory several times; the next cycle claims the rest.
local MOST_BYTES, bytes = 67108864, 0
for i, queue in ipairs(queues) do
  local from, to = pending_key(ns, queue), active_key(ns, process, queue)
  while left > 0 and slots > 0 and not stopped[queue] and bytes < MOST_BYTES and not has_done_enough() do
    local envelope = redis.pcall('LMOVE', from, to, ARGV[6], 'LEFT')
    if type(envelope) ~= 'string' then
      if wrong_type(envelope) then broken[#broken + 1] = i end
      break
    end
    slots, bytes = slots - 1, bytes + #envelope
    if #envelope > largest then
      local sha1 = set_aside(ns, queue, envelope, largest, now, function() redis.call('LREM', to, 1, envelope) end)
      if sha1 then
        local n = #aside
        aside[n + 1], aside[n + 2], aside[n + 3] = i, #envelope, sha1
      end
    else
      local n, flag = #claimed, spent(ns, envelope)
      claimed[n + 1], claimed[n + 2] = i, envelope
      if flag then doubtful[#doubtful + 1], doubtful[#doubtful + 2] = n / 2 + 1, flag end
    end
  end
end
write_recent(ns)
write_tally(ns, tonumber(time[1]))
return {
  left, math.floor(now * 1000), finished, started, claimed, paused, suspects, dropped, broken, notices,
  dead_length, aside, doubtful
}
