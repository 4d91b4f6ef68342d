-- Fragment of cycle: settle one finished job. One that completed is settled by complete.lua.
--   retry:    active -> delayed       fail: active -> dead letters
--   cancel:   active -> finished, for its task has heard that it is to stop
--   reject:   active -> dead jobs, without having begun; drops none of those when there are too many
--   return:   active -> pending, at the consuming end
--   postpone: active -> delayed, for its worker could not run it; costs no retry and counts nowhere
-- Reply: 1 done; 0 the envelope was not in the active list, its lease was lost and nothing is written;
--   3 the place it goes to is of another type, so it stays active. Then: dropped dead letters.
local OUTCOME = 17 -- verb, queue, envelope, id, moved, delay, unique, function, retries, retry_count,
                   -- started_at, finished_at, error, run_us, wait_us, error_line,
                   -- notice (a dead job for the failure hooks; '=': the moved one)

-- Quarter octaves of a millisecond: field run_b7 counts runs of up to 2^(7/4) ms.
local function octave(ms) return ms > 1 and math.ceil(math.log(ms) * 5.770780163555854) or 0 end

local STATUS = { retry = 'retrying', fail = 'failed', reject = 'failed', cancel = 'cancelled',
                 ['return'] = 'pending', postpone = 'retrying' }
local COUNTED = { retry = 'failed', fail = 'failed', reject = 'failed', cancel = 'cancelled' }

-- Whether an active list holds an envelope. A key of another type in its place holds none.
local function holds(active, envelope)
  local place = redis.pcall('LPOS', active, envelope, 'RANK', -1)
  return not wrong_type(place) and place
end

local function settle(ns, process, now, suspects, dlq_max, at)
  local verb, queue, envelope, id, moved = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local active, dropped, wait = active_key(ns, process, queue), 0, nil
  local moves = verb ~= 'cancel'
  if not moves then
    local removed = redis.pcall('LREM', active, -1, envelope)
    if wrong_type(removed) or removed == 0 then return 0, 0 end
  elseif not holds(active, envelope) then
    return 0, 0
  elseif verb == 'return' then
    if not pushed('RPUSH', pending_key(ns, queue), envelope) then return 3, 0 end
  elseif verb == 'retry' or verb == 'postpone' then
    wait = tonumber(ARGV[at + 5])
    local due = string.format('%.6f', now + wait)
    if not pushed('ZADD', ns .. ':delayed_tasks', due, moved) then return 3, 0 end
    -- Workers look for what is due once a second.
    if wait < 1 then redis.pcall('PUBLISH', ns .. ':wake', 'due ' .. due) end
    local unique = ARGV[at + 6]
    if unique ~= '' and (holder(ns, unique) or id) == id then hold_unique(ns, unique, id, wait) end
    if verb == 'retry' then tally(queue, 'retried', 1) end
  elseif verb == 'fail' or verb == 'reject' then
    dropped = push_dead(ns, moved, verb == 'fail' and dlq_max)
    if not dropped then return 3, 0 end
    tally(queue, 'dead', 1)
    tally(queue, 'dropped', dropped)
  end
  if moves then redis.call('LREM', active, -1, envelope) end
  local notice = ARGV[at + 16]
  if notice ~= '' then
    push_notice(ns, queue, verb == 'retry' and '1' or '0', notice == '=' and moved or notice, now)
  end

  local status, started_at, run = STATUS[verb], ARGV[at + 10], tonumber(ARGV[at + 13]) / 1000
  -- A job that is given back before it was started has a record that says pending already. One that has ended
  -- must not look as if it had not: what was given back is then a copy of its envelope.
  if verb ~= 'return' or started_at ~= '' and not has_ended(ns, id) then
    local fields = { 'status', status, 'ts', string.format('%.6f', now), 'queue', queue,
      'function', ARGV[at + 7], 'retries', ARGV[at + 8], 'retry_count', ARGV[at + 9],
      'started_at', started_at, 'finished_at', ARGV[at + 11], 'result', '', 'error', ARGV[at + 12],
      'worker', process }
    local function add(name, value)
      fields[#fields + 1], fields[#fields + 2] = name, value
    end
    if moves and verb ~= 'return' then add('error_line', ARGV[at + 15]) end
    -- Of a first attempt that was cancelled, the record has everything.
    if started_at ~= '' and (moves or tonumber(ARGV[at + 9]) > 0) then
      add('attempts', attempts_with(ns, id, started_at, string.format('%.3f', run), verb, process, ARGV[at + 12]))
    end
    write_record(ns, id, fields, wait)
  end
  if verb == 'return' or verb == 'postpone' then return 1, 0 end
  local wait = tonumber(ARGV[at + 14]) / 1000
  tally(queue, COUNTED[verb], 1)
  tally(queue, 'run_ms', math.floor(run + 0.5))
  tally(queue, 'wait_ms', math.floor(wait + 0.5))
  tally(queue, 'run_b' .. octave(run), 1)
  tally(queue, 'wait_b' .. octave(wait), 1)
  if verb ~= 'retry' then
    finish(ns, id, ARGV[at + 6], status)
    if suspects == 1 then redis.call('DEL', ns .. ':crashes:' .. id) end
  end
  return 1, dropped
end
