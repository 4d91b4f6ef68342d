-- needs: full time expect record status moves locations take audit
-- Pending, held or delayed -> trash, as they are; record `cancelled`, unique key freed, those who wait are notified.
--   One batch, one step.
local list = queue ~= '' and (hold ~= '' and held_key(hold, queue) or queue_key(queue))
local trash, positions = trash_key(op), trash_positions_key(op)
expect_audit(op)
expect('list', trash)
expect('list', positions)
local stamp = server_time()

local who, action = author_of(about)
local indexes, envelopes, marks = {}, {}, {}
for i = jobs_first, jobs_last, WAITING_JOB.SIZE do marks[#marks + 1] = ARGV[i + WAITING_JOB.mark] end
if list then indexes, envelopes = find(list, lo, hi, marks) end

local function take(n)
  if list then
    if not indexes[n] then return false end
    swap(list, indexes[n], op)
    return placed(swap_back(list, indexes[n], envelopes[n]), 'LPUSH', trash, envelopes[n])
  end
  local score = redis.call('ZSCORE', delayed_key, marks[n])
  if not score then return false end
  redis.call('ZREM', delayed_key, marks[n])
  local function undo() redis.call('ZADD', delayed_key, score, marks[n]) end
  placed(undo, 'LPUSH', trash, marks[n])
  redis.call('LPUSH', positions, score)
  return true
end

local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if take(n) then
    local i = jobs_first + (n - 1) * WAITING_JOB.SIZE
    local id = ARGV[i + WAITING_JOB.id]
    -- The record of a job that has ended stays as it is: what was cancelled is a copy of its envelope.
    if not has_ended(id) then
      write_record(id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp,
        'queue', ARGV[i + WAITING_JOB.queue], 'function', ARGV[i + WAITING_JOB.task],
        'moves', moves_with(id, move_line(stamp, action, who, op)) }, nil, hold ~= '' and { 'held_by' } or nil)
      finish(id, ARGV[i + WAITING_JOB.unique], 'cancelled')
    end
    replies[n], applied = 1, applied + 1
  end
end
write_recent()
if list then sweep(list, applied, op, lo) end
if applied > 0 then expire_trash(op) end
note(op, about, counts, applied, {}, 'running')
return replies
