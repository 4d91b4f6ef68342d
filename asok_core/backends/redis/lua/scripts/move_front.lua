-- needs: full time expect record moves audit
-- Pending jobs -> the consuming end of their queue, so that they run next. One batch, one step.
local list = queue_key(queue)
expect_audit(op)
local who = author_of(about)
local stamp = server_time()
local replies, applied = {}, 0
for i = jobs_first, jobs_last, FRONT_JOB.SIZE do
  local envelope = ARGV[i + FRONT_JOB.envelope]
  -- Pushed before it is removed: the push is nearest to the right end, so that LREM from the left
  -- finds the other one.
  local found = redis.call('LPOS', list, envelope) and 1 or 0
  if found == 1 then
    redis.call('RPUSH', list, envelope)
    redis.call('LREM', list, 1, envelope)
    add_move(ARGV[i + FRONT_JOB.id], move_line(stamp, 'front', who))
  end
  replies[#replies + 1] = found
  applied = applied + found
end
note(op, about, counts, applied, {}, 'running')
return replies
