-- needs: full time expect record status moves locations audit
-- promote: chosen delayed jobs -> pending (queue list, left), before they are due. One batch, one step.
-- ARGV: ns, op, about, counts (audit), then each, soonest first: envelope, id, queue, function
-- Reply: per job 1 promoted; 0 no longer there; 2 its queue's key is of another type
local ns, op = ARGV[1], ARGV[2]
local delayed = ns .. ':delayed_tasks'
expect_audit(ns, op)
local stamp = server_time()

local who = said(ARGV[3])

local function promote(envelope, id, queue, task)
  local score = redis.call('ZSCORE', delayed, envelope)
  if not score then return 0 end
  redis.call('ZREM', delayed, envelope)
  local function undo() redis.call('ZADD', delayed, score, envelope) end
  if not placed(undo, 'LPUSH', pending_key(ns, queue), envelope) then return 2 end
  note_queue(ns, queue)
  if not has_ended(ns, id) then
    write_record(ns, id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task,
      'moves', moves_with(ns, id, move_line(stamp, 'promote', who)) })
  end
  return 1
end

local replies, applied, refused = {}, 0, {}
for i = 5, #ARGV, 4 do
  local reply = promote(unpack(ARGV, i, i + 3))
  replies[#replies + 1] = reply
  if reply == 1 then applied = applied + 1 end
  if reply == 2 then
    refused[REFUSALS[2]] = (refused[REFUSALS[2]] or 0) + 1
  end
end
note(ns, op, ARGV[3], ARGV[4], applied, refused, 'running')
return replies
