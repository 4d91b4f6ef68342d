-- needs: record requests already_ended status stats locations active attempts failure_notices
-- Settle one job that did not complete. One that completed is settled by complete.lua.
--   retry:    active -> delayed       fail: active -> dead jobs
--   cancel:   active -> finished, for its task was notified that it is to stop
--   reject:   active -> dead jobs, as the attempt did not begin; drops none of those when there are too many
--   return:   active -> pending, at the consuming end
--   A job that an operator cancelled while it ran is neither retried nor returned nor postponed: `cancel`.
--   postpone: active -> delayed, for its worker could not run it, its task raised Retry(counted=False), or its time
--             limit was reached after a new checkpoint; spends no retry,
--             and counts in no figure of its queue
-- settle(process, release, now, dubious, dlq_max, at): settle the outcome (Settlement) that begins at `at` in ARGV.
--   `release` is the application's that the process runs, '' not known, SAME_RELEASE that of the record.
-- Reply: a flag OUTCOME_..., and how many dead jobs were dropped. flags.py says what each means.
local STATUS = { retry = 'retrying', fail = 'failed', reject = 'failed', cancel = 'cancelled',
                 ['return'] = 'pending', postpone = 'retrying' }
local COUNTED = { retry = 'failed', fail = 'failed', reject = 'failed', cancel = 'cancelled' }

local function settle(process, release, now, dubious, dlq_max, at)
  local verb, queue, envelope = ARGV[at + SETTLEMENT.verb], ARGV[at + SETTLEMENT.queue], ARGV[at + SETTLEMENT.envelope]
  local id, moved, unique = ARGV[at + SETTLEMENT.id], ARGV[at + SETTLEMENT.moved], ARGV[at + SETTLEMENT.unique]
  local active, dropped, wait = active_key(process, queue), 0, nil
  local finished_at = ARGV[at + SETTLEMENT.finished_at]
  local retry_count, done = ARGV[at + SETTLEMENT.retry_count], OUTCOME_SETTLED
  local unfinished = verb == 'retry' or verb == 'return' or verb == 'postpone'
  if unfinished and is_cancelled(id ~= '' and id or id_in(envelope) or '') then
    if id == '' then return OUTCOME_TO_RETURN, 0 end
    -- That of the attempt that there is, not of the one that there will not be.
    if verb == 'retry' then retry_count = string.format('%d', math.max(tonumber(retry_count) - 1, 0)) end
    verb, done, finished_at = 'cancel', OUTCOME_CANCELLED, string.format('%.6f', now)
  end
  local moves = verb ~= 'cancel'
  if not moves then
    local removed = redis.pcall('LREM', active, -1, envelope)
    if wrong_type(removed) or removed == 0 then return OUTCOME_NOT_ACTIVE, 0 end
  elseif not is_active(active, envelope) then
    return OUTCOME_NOT_ACTIVE, 0
  elseif verb == 'return' then
    if not pushed('RPUSH', queue_key(queue), envelope) then return OUTCOME_WRONG_TYPE, 0 end
  elseif verb == 'retry' or verb == 'postpone' then
    wait = tonumber(ARGV[at + SETTLEMENT.delay])
    local due = string.format('%.6f', now + wait)
    if not pushed('ZADD', delayed_key, due, moved) then return OUTCOME_WRONG_TYPE, 0 end
    -- Workers look for what is due once a second.
    if wait < 1 then redis.pcall('PUBLISH', wake_key, 'due ' .. due) end
    if unique ~= '' and (holder(unique) or id) == id then hold_unique(unique, id, wait) end
    if verb == 'retry' then tally(queue, 'retried', 1) end
  elseif verb == 'fail' or verb == 'reject' then
    dropped = push_dead(moved, verb == 'fail' and dlq_max)
    if not dropped then return OUTCOME_WRONG_TYPE, 0 end
    tally(queue, 'dead', 1)
    tally(queue, 'dropped', dropped)
  end
  if moves then redis.call('LREM', active, -1, envelope) end
  local notice = ARGV[at + SETTLEMENT.notice]
  -- Hooks for failures are not called for a job that is cancelled.
  if notice ~= '' and moves then
    push_notice(queue, verb == 'retry' and '1' or '0', notice == '=' and moved or notice, now)
  end

  local status, started_at, run = STATUS[verb], ARGV[at + SETTLEMENT.started_at], ARGV[at + SETTLEMENT.run_us] / 1000
  local error_text, waited = ARGV[at + SETTLEMENT.error], ARGV[at + SETTLEMENT.wait_us] / 1000
  -- A job that is returned before it was started has a record that says pending already. One that has ended
  -- must not look as if it had not: what was returned is then a copy of its envelope.
  if verb ~= 'return' or started_at ~= '' and not has_ended(id) then
    local fields = { 'status', status, 'ts', string.format('%.6f', now), 'queue', queue,
      'function', ARGV[at + SETTLEMENT.task], 'retries', ARGV[at + SETTLEMENT.retries], 'retry_count', retry_count,
      'started_at', started_at, 'finished_at', finished_at, 'result', '', 'error', error_text,
      'worker', process }
    local function add(name, value)
      fields[#fields + 1], fields[#fields + 2] = name, value
    end
    if release ~= SAME_RELEASE then add('release', release) end
    if ARGV[at + SETTLEMENT.stack] ~= '' then add('stack', ARGV[at + SETTLEMENT.stack]) end
    if ARGV[at + SETTLEMENT.interrupted] == '1' and moves then add('interruptions', one_more(id, 'interruptions')) end
    if moves and verb ~= 'return' then add('error_line', ARGV[at + SETTLEMENT.error_line]) end
    -- Of a first attempt that was cancelled, the record has everything.
    if started_at ~= '' and (moves or tonumber(retry_count) > 0) then
      local note, shown = ARGV[at + SETTLEMENT.note], error_text
      -- The last line of the traceback of a `Retry` says what was asked for, and the cause is the error.
      if note ~= '' then shown = ARGV[at + SETTLEMENT.error_line] end
      add('attempts', attempts_with(id, started_at, string.format('%.3f', run), verb, process, shown, note, waited))
    end
    -- An operator may requeue a dead job, and that one is not cancelled.
    write_record(id, fields, wait, (verb == 'fail' or verb == 'reject') and CANCEL_FIELDS or nil)
  end
  -- Also of one that failed: an operator may requeue it.
  drop_request(id, process)
  if verb == 'return' or verb == 'postpone' then return OUTCOME_SETTLED, 0 end
  tally(queue, COUNTED[verb], 1)
  tally(queue, 'run_ms', math.floor(run + 0.5))
  tally(queue, 'wait_ms', math.floor(waited + 0.5))
  tally(queue, 'run_b' .. octave(run), 1)
  tally(queue, 'wait_b' .. octave(waited), 1)
  if verb ~= 'retry' then
    finish(id, unique, status)
    if dubious == 1 then redis.call('DEL', crashes_key(id)) end
  end
  return done, dropped
end
