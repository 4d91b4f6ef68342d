-- needs: full time expect record status moves locations alias take audit
-- move: pending jobs of one queue -> the left end of another. One batch, one step.
-- ARGV: ns, op, about, counts (audit), queue, lo, hi (where they were seen), other queue, then each,
--   oldest first: mark, envelope that names its new queue, id, function
-- Reply: per job 1 moved; 0 no longer there; 2 the other queue's key is of another type
local ns, op, target = ARGV[1], ARGV[2], ARGV[8]
local source, list = pending_key(ns, ARGV[5]), pending_key(ns, target)
expect_audit(ns, op)
local stamp = server_time()
local who = said(ARGV[3])
local marks = {}
for i = 9, #ARGV, 4 do marks[#marks + 1] = ARGV[i] end
local indexes, envelopes = find(source, tonumber(ARGV[6]), tonumber(ARGV[7]), marks)

local function move(index, old, new, id, task)
  swap(source, index, op)
  if not placed(swap_back(source, index, old), 'LPUSH', list, new) then return 2 end
  if not has_ended(ns, id) then
    write_record(ns, id, { 'status', 'pending', 'ts', stamp, 'queue', target, 'function', task,
      'moves', moves_with(ns, id, move_line(stamp, 'move', who, target)) })
  end
  return 1
end

local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if indexes[n] then
    local at = 10 + (n - 1) * 4
    replies[n] = move(indexes[n], envelopes[n], unpack(ARGV, at, at + 2))
    if replies[n] == 1 then applied = applied + 1 end
  end
end
sweep(source, applied, op, tonumber(ARGV[6]))
if applied > 0 then note_queue(ns, target) end
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return replies
