-- needs: time expect record moves status audit
-- import: dead jobs of an export -> dead-letter queue, newest end, byte for byte. One batch, one step.
-- ARGV: ns, op, about, counts (audit), then each, oldest first: letter, id
-- Reply: per letter 1 buried; 5 its job is on its way again
local ns, op = ARGV[1], ARGV[2]
local dead = ns .. ':dlq'
local UNDER_WAY = { pending = true, scheduled = true, running = true, retrying = true }
expect_audit(ns, op)
expect('list', dead)

local who = said(ARGV[3])
local stamp = server_time()
local replies, applied, refused = {}, 0, {}
for i = 5, #ARGV, 2 do
  if UNDER_WAY[ARGV[i + 1] ~= '' and status_of(ns, ARGV[i + 1]) or ''] then
    replies[#replies + 1] = 5
    refused['its job is on its way again'] = (refused['its job is on its way again'] or 0) + 1
  else
    redis.call('LPUSH', dead, ARGV[i])
    add_move(ns, ARGV[i + 1], move_line(stamp, 'import', who))
    replies[#replies + 1], applied = 1, applied + 1
  end
end
note(ns, op, ARGV[3], ARGV[4], applied, refused, 'running')
return replies
