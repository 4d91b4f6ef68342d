-- needs: full record already_ended stats locations set_aside progress settle complete
-- One round trip of a worker's process: note progress (progress.lua), settle what finished (see
-- settle.lua and complete.lua), note what started,
-- claim (pending -> active) from the queues in their strict order.
-- Of what is oversized no byte is in the reply. Where it cannot be set aside it stays in the active list, so that
-- it does not hold up its queue.
-- Flags of the started: 1 noted, or may begin; 0 not in the active list; 2 returned, for its queue is
--   paused or the lease is lost. The last only of a `returnable`: a job that came by the idle wait and has
--   not begun; nothing is written in its record, which says pending. One that may begin: 1, or 3, 4 or 5 where
--   already_ended.lua says 1, 2 or 3 of it. 6 it would be returned, and is cancelled: see settle.lua, 4.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local queues, settled, started, claimed, paused, broken, aside, doubtful = {}, {}, {}, {}, {}, {}, {}, {}
local dubious, notices, dropped = 0, 0, 0

local markers = { dubious_key }
for i = queues_first, queues_last do
  queues[#queues + 1] = ARGV[i]
  markers[#markers + 1] = notices_key(ARGV[i])
end
-- Mostly there are neither, which one command shows.
local exist = redis.call('EXISTS', unpack(markers))
if exist > 0 then
  dubious = redis.call('EXISTS', dubious_key)
  notices = exist > dubious and 1 or 0
end

-- Before the outcomes: of a job that has ended nothing is written.
for i = progress_first, progress_last, REPORTED_PROGRESS.SIZE do note_progress(process, i) end

local at = outcomes_first
while at <= outcomes_last do
  if ARGV[at + SETTLEMENT.verb] == 'complete' then
    at = complete(process, release, dubious, at, settled)
  else
    local flag, gone = settle(process, release, now, dubious, dlq_max, at)
    settled[#settled + 1], dropped, at = flag, dropped + gone, at + SETTLEMENT.SIZE
  end
end
write_recent()

local stopped = {}
for i, queue in ipairs(queues) do
  local marked = redis.pcall('SISMEMBER', paused_key, queue)
  -- Where the key is of another type, no queue is paused, and the console shows the same.
  if not wrong_type(marked) and marked == 1 then
    stopped[queue] = true
    paused[#paused + 1] = i
  end
end
local lease = redis.call('ZSCORE', workers_key, worker)
local left = lease and math.floor(tonumber(lease) - now * 1000) or -1

for i = starts_first, starts_last, STARTED_JOB.SIZE do
  local queue, envelope = ARGV[i + STARTED_JOB.queue], ARGV[i + STARTED_JOB.envelope]
  local active, n = active_key(process, queue), #started + 1
  local index = redis.pcall('LPOS', active, envelope)
  if wrong_type(index) or not index then
    started[n] = 0
  elseif ARGV[i + STARTED_JOB.returnable] == '1' then
    local closed = stopped[queue] or left <= 0
    if closed and is_cancelled(id_in(envelope) or '') then
      started[n] = 6
    elseif closed and pushed('RPUSH', queue_key(queue), envelope) then
      redis.call('LREM', active, -1, envelope)
      started[n] = 2
    else
      local flag = ended_before(envelope)
      started[n] = flag and flag + 2 or 1
    end
  else
    started[n] = 1
    write_record(ARGV[i + STARTED_JOB.id], { 'status', 'running', 'ts', string.format('%.6f', now),
      'queue', queue, 'function', ARGV[i + STARTED_JOB.task], 'retries', ARGV[i + STARTED_JOB.retries],
      'retry_count', ARGV[i + STARTED_JOB.retry_count], 'started_at', ARGV[i + STARTED_JOB.started_at],
      'worker', process, 'release', release })
  end
end

-- What is claimed at once is in memory several times; the next cycle claims the rest.
local MOST_BYTES, bytes = 67108864, 0
for i, queue in ipairs(queues) do
  local from, to = queue_key(queue), active_key(process, queue)
  while left > 0 and slots > 0 and not stopped[queue] and bytes < MOST_BYTES and not has_done_enough() do
    local envelope = redis.pcall('LMOVE', from, to, claim_end, 'LEFT')
    if type(envelope) ~= 'string' then
      if wrong_type(envelope) then broken[#broken + 1] = i end
      break
    end
    slots, bytes = slots - 1, bytes + #envelope
    if #envelope > largest then
      local sha1 = set_aside(queue, envelope, largest, now, function() redis.call('LREM', to, 1, envelope) end)
      if sha1 then
        local n = #aside
        aside[n + 1], aside[n + 2], aside[n + 3] = i, #envelope, sha1
      end
    else
      local n, flag = #claimed, ended_before(envelope)
      claimed[n + 1], claimed[n + 2] = i, envelope
      if flag then doubtful[#doubtful + 1], doubtful[#doubtful + 2] = n / 2 + 1, flag end
    end
  end
end
write_recent()
write_tally(tonumber(time[1]))
local generation = redis.pcall('HGET', holds_key, 'generation')
return reply {
  lease_left = left,
  server_time = math.floor(now * 1000),
  settled = settled,
  started = started,
  claimed = claimed,
  paused = paused,
  dubious = dubious,
  dropped = dropped,
  broken = broken,
  notices = notices,
  dead = dead_length,
  aside = aside,
  doubtful = doubtful,
  holds = type(generation) == 'string' and string.sub(generation, 1, 16) or ''
}
