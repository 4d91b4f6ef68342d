-- needs: full time expect record moves take audit
-- Chosen dead jobs -> trash, as they are. One batch, one step.
local trash, positions = trash_key(op), trash_positions_key(op)
expect_audit(op)
expect('list', trash)
expect('list', positions)

local who = author_of(about)
local stamp = server_time()
local marks = {}
for i = jobs_first, jobs_last, PURGED_JOB.SIZE do marks[#marks + 1] = ARGV[i + PURGED_JOB.mark] end
local indexes, dead_jobs = find(dead_key, lo, hi, marks)
local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if indexes[n] then
    local i = jobs_first + (n - 1) * PURGED_JOB.SIZE
    swap(dead_key, indexes[n], op)
    placed(swap_back(dead_key, indexes[n], dead_jobs[n]), 'LPUSH', trash, dead_jobs[n])
    redis.call('LPUSH', positions, ARGV[i + PURGED_JOB.older])
    add_move(ARGV[i + PURGED_JOB.id], move_line(stamp, 'purge', who, op))
    replies[n], applied = 1, applied + 1
  end
end
sweep(dead_key, applied, op, lo)
if applied > 0 then expire_trash(op) end
note(op, about, counts, applied, {}, 'running')
return replies
