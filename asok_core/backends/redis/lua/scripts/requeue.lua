-- needs: full time expect record moves status stats locations take audit
-- Dead jobs -> pending (queue list) with all their retries. One batch, one step.
-- mode `keep` (an edit): the dead job itself -> trash; beside it, in `:at`, the envelope that replaced it, for the undo.
-- Reply: per job 1 requeued; 0 it is not there; 2 its queue's key is of another type; 3 its unique
--   key is held by another job; 4 its record says that it has completed, or 10 that it was cancelled, and the entry was
--   not reviewed: a copy of a job that has run, or that must not run, would run, and its record would be
--   overwritten
local keep, push = mode == 'keep', mode == 'front' and 'RPUSH' or 'LPUSH'
local trash, positions = trash_key(op), trash_positions_key(op)
local COPIED = { completed = 4, cancelled = 10 }
local who, action = author_of(about)
expect_audit(op)
if keep then
  expect('list', trash)
  expect('list', positions)
end

local stamp, _, second = server_time()
local marks = {}
for i = jobs_first, jobs_last, REQUEUED_JOB.SIZE do marks[#marks + 1] = ARGV[i + REQUEUED_JOB.mark] end
local indexes, dead_jobs = find(dead_key, lo, hi, marks)

local queues, crashes = {}, {}
local GONE = { 'started_at', 'finished_at', 'worker', 'error', 'result', 'result_type', 'result_error',
               'error_line', 'stack', 'release', 'attempt_ts', unpack(CANCEL_FIELDS) }
-- With other arguments it begins again.
if keep then GONE[#GONE + 1] = 'checkpoint' end

-- The requeue removes the end from the record, which may have been gone before: 24 hours are over sooner.
local function moves_of(id, i)
  local known = record_text(id, 'enqueued_at')
  local lines = { move_line(known ~= '' and known or ARGV[i + REQUEUED_JOB.enqueued_at], 'enqueue') }
  local last = string.match(record_text(id, 'attempts'), '([^\n]*)$')
  if not (string.find(last, '"fail"', 1, true) or string.find(last, '"reject"', 1, true)) then
    lines[2] = move_line(ARGV[i + REQUEUED_JOB.failed_at], 'dead', '', ARGV[i + REQUEUED_JOB.error_line])
  end
  lines[#lines + 1] = move_line(stamp, action, who, ARGV[i + REQUEUED_JOB.detail])
  return moves_with(id, unpack(lines))
end

local function requeue(dead_job, index, i)
  local envelope, id, queue = ARGV[i + REQUEUED_JOB.envelope], ARGV[i + REQUEUED_JOB.id], ARGV[i + REQUEUED_JOB.queue]
  local unique = ARGV[i + REQUEUED_JOB.unique]
  local copied = ARGV[i + REQUEUED_JOB.reviewed] ~= '1' and id ~= '' and COPIED[status_of(id)]
  if copied then return copied end
  local held_by = unique ~= '' and holder(unique)
  if held_by and held_by ~= id and not has_ended(held_by) then return 3 end
  swap(dead_key, index, op)
  local undo = swap_back(dead_key, index, dead_job)
  if not placed(undo, push, queue_key(queue), envelope) then return 2 end
  if keep then
    redis.call('LPUSH', trash, dead_job)
    redis.call('LPUSH', positions, envelope)
  end
  hold_unique(unique, id)
  write_record(id, { 'status', 'pending', 'function', ARGV[i + REQUEUED_JOB.task], 'queue', queue, 'ts', stamp,
    'enqueued_at', stamp, 'retry_count', '0', 'retries', ARGV[i + REQUEUED_JOB.retries], 'error', '', 'result', '',
    'moves', moves_of(id, i) },
    nil, GONE, records)
  if id ~= '' then crashes[#crashes + 1] = crashes_key(id) end
  queues[queue] = true
  tally(queue, 'enqueued', 1)
  return 1
end

local replies, applied, refused = {}, 0, {}
-- The oldest is the first to run: to the front it goes last.
local first, last, step = 1, #marks, 1
if push == 'RPUSH' then first, last, step = #marks, 1, -1 end
for n = first, last, step do
  local flag = 0
  if indexes[n] then
    flag = requeue(dead_jobs[n], indexes[n], jobs_first + (n - 1) * REQUEUED_JOB.SIZE)
  end
  replies[n] = flag
  if flag == 1 then applied = applied + 1 end
  if REFUSALS[flag] then refused[REFUSALS[flag]] = (refused[REFUSALS[flag]] or 0) + 1 end
end
for queue in pairs(queues) do note_queue(queue) end
if #crashes > 0 then redis.call('DEL', unpack(crashes)) end
sweep(dead_key, applied, op, lo)
if keep and applied > 0 then expire_trash(op) end
note(op, about, counts, applied, refused, 'running')
write_tally(second)
return replies
