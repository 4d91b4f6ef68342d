-- needs: time expect record moves status audit
-- Dead jobs of an export -> dead-letter queue, newest end, byte for byte. One batch, one step.
local UNDER_WAY = { pending = true, scheduled = true, running = true, retrying = true }
expect_audit(op)
expect('list', dead_key)

local who = author_of(about)
local stamp = server_time()
local replies, applied, refused = {}, 0, {}
for i = jobs_first, jobs_last, IMPORTED_JOB.SIZE do
  local id = ARGV[i + IMPORTED_JOB.id]
  if UNDER_WAY[id ~= '' and status_of(id) or ''] then
    replies[#replies + 1] = 5
    refused[REFUSALS[5]] = (refused[REFUSALS[5]] or 0) + 1
  else
    redis.call('LPUSH', dead_key, ARGV[i + IMPORTED_JOB.dead_job])
    add_move(id, move_line(stamp, 'import', who))
    replies[#replies + 1], applied = 1, applied + 1
  end
end
note(op, about, counts, applied, refused, 'running')
return replies
