-- needs: full record already_ended stats locations paused set_aside reports settle complete
-- One round trip of a worker's process: write what jobs report (reports.lua), settle what finished (settle.lua, complete.lua),
-- note what started, claim (pending -> active) from the queues in their strict order.
-- Of what is oversized no byte is in the reply. Where it cannot be set aside it stays in the active list, so that
-- it does not hold up its queue.
-- `settled` has a flag OUTCOME_... for each outcome, `started` a flag START_... for each start, `doubtful` the flags
-- ENDED_... of what is claimed: flags.py says what each means. Only a `returnable`, a job that came by the idle wait and
-- has not begun, has another flag than START_NOT_ACTIVE and START_MAY_START.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local queues, settled, started, claimed, paused, broken, aside, doubtful = {}, {}, {}, {}, {}, {}, {}, {}
local dubious, notices, dropped = 0, 0, 0
local MAY_START = { [ENDED_NO] = START_MAY_START, [ENDED_ENDED] = START_ENDED, [ENDED_NO_ID] = START_NO_ID,
                    [ENDED_NO_RECORD] = START_NO_RECORD }

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
for i = reports_first, reports_last, TASK_REPORT.SIZE do note_report(process, i) end

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
  if is_paused(queue) then
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
    started[n] = START_NOT_ACTIVE
  elseif ARGV[i + STARTED_JOB.returnable] == '1' then
    local closed = stopped[queue] or left <= 0
    if closed and is_cancelled(id_in(envelope) or '') then
      started[n] = START_CANCELLED
    elseif closed and pushed('RPUSH', queue_key(queue), envelope) then
      redis.call('LREM', active, -1, envelope)
      started[n] = START_RETURNED
    else
      started[n] = MAY_START[ended_before(envelope) or ENDED_NO]
    end
  else
    started[n] = START_MAY_START
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
