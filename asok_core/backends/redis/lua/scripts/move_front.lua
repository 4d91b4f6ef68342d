-- needs: full time expect record moves locations audit
-- move: pending jobs -> the consuming end of their queue, so that they run next. One batch, one step.
-- ARGV: ns, op, about, counts (audit), queue, then each, youngest first: envelope, id
-- Reply: per job 1 moved; 0 no longer there
local ns, op = ARGV[1], ARGV[2]
local list = pending_key(ns, ARGV[5])
expect_audit(ns, op)
local who = said(ARGV[3])
local stamp = server_time()
local replies, applied = {}, 0
for i = 6, #ARGV, 2 do
  -- Pushed before it is removed: the push is nearest to the right end, so that LREM from the left
  -- finds the other one.
  local found = redis.call('LPOS', list, ARGV[i]) and 1 or 0
  if found == 1 then
    redis.call('RPUSH', list, ARGV[i])
    redis.call('LREM', list, 1, ARGV[i])
    add_move(ns, ARGV[i + 1], move_line(stamp, 'front', who))
  end
  replies[#replies + 1] = found
  applied = applied + found
end
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return replies
