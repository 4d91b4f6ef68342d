-- needs: full time expect record moves status stats locations alias take audit
-- requeue: dead jobs -> pending (queue list) with all their retries. One batch, one step.
-- ARGV: ns, op, about, counts (audit), lo, hi (where they were seen), mode, form of the records (see
--   record.lua), then each, oldest first: mark, envelope, id, queue, function, retries, unique, reviewed ('1':
--   an operator vouches for this very entry), and for its history: enqueued_at, failed_at, error line, detail
-- mode: '' (to the left end), 'front' (to the end that workers take from) or 'keep' (an edit: to the left,
--   and the dead job itself -> trash; beside it, in `:at`, the envelope that took its place, for the undo)
-- Reply: per job 1 requeued; 0 no longer there; 2 its queue's key is of another type; 3 its unique
--   key is held by another job; 4 its record says that it has completed, or 10 that it was cancelled, and nobody
--   reviewed the entry: a copy of a job that has run, or that must not run, would run, and its record would be
--   overwritten
local ns, op, keep, form = ARGV[1], ARGV[2], ARGV[7] == 'keep', ARGV[8]
local PUSH = ARGV[7] == 'front' and 'RPUSH' or 'LPUSH'
local dead, trash = ns .. ':dlq', ns .. ':trash:' .. op
local EACH = 12
local COPIED = { completed = 4, cancelled = 10 }
local who, action = said(ARGV[3])
expect_audit(ns, op)
if keep then
  expect('list', trash)
  expect('list', trash .. ':at')
end

local stamp, _, second = server_time()
local marks = {}
for i = 9, #ARGV, EACH do marks[#marks + 1] = ARGV[i] end
local indexes, letters = find(dead, tonumber(ARGV[5]), tonumber(ARGV[6]), marks)

local queues, crashes = {}, {}
local GONE = { 'started_at', 'finished_at', 'worker', 'error', 'result', 'result_type', 'result_error',
               'error_line' }

-- The record forgets its end with the requeue, and it may have been gone before: 24 hours are over sooner.
local function moves_of(id, enqueued_at, failed_at, line, detail)
  local known = record_text(ns, id, 'enqueued_at')
  local lines = { move_line(known ~= '' and known or enqueued_at, 'enqueue') }
  local last = string.match(record_text(ns, id, 'attempts'), '([^\n]*)$')
  if not (string.find(last, '"fail"', 1, true) or string.find(last, '"reject"', 1, true)) then
    lines[2] = move_line(failed_at, 'dead', '', line)
  end
  lines[#lines + 1] = move_line(stamp, action, who, detail)
  return moves_with(ns, id, unpack(lines))
end

local function requeue(letter, index, envelope, id, queue, task, retries, unique, reviewed, ...)
  local copied = reviewed ~= '1' and id ~= '' and COPIED[status_of(ns, id)]
  if copied then return copied end
  local held_by = unique ~= '' and holder(ns, unique)
  if held_by and held_by ~= id and not has_ended(ns, held_by) then return 3 end
  swap(dead, index, op)
  local undo = swap_back(dead, index, letter)
  if not placed(undo, PUSH, pending_key(ns, queue), envelope) then return 2 end
  if keep then
    redis.call('LPUSH', trash, letter)
    redis.call('LPUSH', trash .. ':at', envelope)
  end
  hold_unique(ns, unique, id)
  write_record(ns, id, { 'status', 'pending', 'function', task, 'queue', queue, 'ts', stamp,
    'enqueued_at', stamp, 'retry_count', '0', 'retries', retries, 'error', '', 'result', '',
    'moves', moves_of(id, ...) },
    nil, GONE, form)
  if id ~= '' then crashes[#crashes + 1] = ns .. ':crashes:' .. id end
  queues[queue] = true
  tally(queue, 'enqueued', 1)
  return 1
end

local replies, applied, refused = {}, 0, {}
-- The oldest is the first to run: to the front it goes last.
local first, last, step = 1, #marks, 1
if PUSH == 'RPUSH' then first, last, step = #marks, 1, -1 end
for n = first, last, step do
  local reply = 0
  if indexes[n] then
    local at = 10 + (n - 1) * EACH
    reply = requeue(letters[n], indexes[n], unpack(ARGV, at, at + 10))
  end
  replies[n] = reply
  if reply == 1 then applied = applied + 1 end
  if REFUSALS[reply] then refused[REFUSALS[reply]] = (refused[REFUSALS[reply]] or 0) + 1 end
end
for queue in pairs(queues) do note_queue(ns, queue) end
if #crashes > 0 then redis.call('DEL', unpack(crashes)) end
sweep(dead, applied, op, tonumber(ARGV[5]))
if keep and applied > 0 then
  expire_trash(trash)
end
note(ns, op, ARGV[3], ARGV[4], applied, refused, 'running')
write_tally(ns, second)
return replies
