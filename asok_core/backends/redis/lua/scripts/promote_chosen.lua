-- needs: full time expect record status moves locations audit
-- Chosen delayed jobs -> pending (queue list, left), before they are due. One batch, one step.
expect_audit(op)
local stamp = server_time()

local who = author_of(about)

local function promote(i)
  local envelope, id = ARGV[i + PROMOTED_JOB.envelope], ARGV[i + PROMOTED_JOB.id]
  local queue = ARGV[i + PROMOTED_JOB.queue]
  local score = redis.call('ZSCORE', delayed_key, envelope)
  if not score then return 0 end
  redis.call('ZREM', delayed_key, envelope)
  local function undo() redis.call('ZADD', delayed_key, score, envelope) end
  if not placed(undo, 'LPUSH', queue_key(queue), envelope) then return 2 end
  note_queue(queue)
  if not has_ended(id) then
    write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', ARGV[i + PROMOTED_JOB.task],
      'moves', moves_with(id, move_line(stamp, 'promote', who)) })
  end
  return 1
end

local replies, applied, refused = {}, 0, {}
for i = jobs_first, jobs_last, PROMOTED_JOB.SIZE do
  local flag = promote(i)
  replies[#replies + 1] = flag
  if flag == 1 then applied = applied + 1 end
  if flag == 2 then
    refused[REFUSALS[2]] = (refused[REFUSALS[2]] or 0) + 1
  end
end
note(op, about, counts, applied, refused, 'running')
return replies
