-- needs: full time expect record status moves locations take audit
-- Pending jobs of one queue -> the left end of another. One batch, one step.
local source, list = queue_key(queue), queue_key(target)
expect_audit(op)
local stamp = server_time()
local who = author_of(about)
local marks = {}
for i = jobs_first, jobs_last, MOVED_JOB.SIZE do marks[#marks + 1] = ARGV[i + MOVED_JOB.mark] end
local indexes, envelopes = find(source, lo, hi, marks)

local function move(index, old, i)
  swap(source, index, op)
  if not placed(swap_back(source, index, old), 'LPUSH', list, ARGV[i + MOVED_JOB.envelope]) then return 2 end
  local id = ARGV[i + MOVED_JOB.id]
  if not has_ended(id) then
    write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', target, 'function', ARGV[i + MOVED_JOB.task],
      'moves', moves_with(id, move_line(stamp, 'move', who, target)) })
  end
  return 1
end

local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if indexes[n] then
    replies[n] = move(indexes[n], envelopes[n], jobs_first + (n - 1) * MOVED_JOB.SIZE)
    if replies[n] == 1 then applied = applied + 1 end
  end
end
sweep(source, applied, op, lo)
if applied > 0 then note_queue(target) end
note(op, about, counts, applied, {}, 'running')
return replies
