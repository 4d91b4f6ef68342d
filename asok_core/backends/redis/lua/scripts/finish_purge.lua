-- needs: full time record status moves locations take
-- The second step of purging a queue: jobs that are in the trash already get the record `cancelled`,
--   their unique keys are freed and those who wait are notified. Moves nothing; doing it twice is harmless.
-- Reply: how many are still in the trash
local trash, stamp = trash_key(op), server_time()
local who = redis.pcall('HGET', operation_key(op), 'who')
who = type(who) == 'string' and who or ''
local marks, retired = {}, 0
for i = jobs_first, jobs_last, WAITING_JOB.SIZE do marks[#marks + 1] = ARGV[i + WAITING_JOB.mark] end
-- Once for each purge, however often this runs.
local function moves_of(id)
  local known = record_text(id, 'moves')
  if string.find(known, op, 1, true) then return known end
  return moves_with(id, move_line(stamp, 'purge', who, op))
end

local indexes = find(trash, lo, hi, marks)
for n = 1, #marks do
  if indexes[n] then
    local i = jobs_first + (n - 1) * WAITING_JOB.SIZE
    local id = ARGV[i + WAITING_JOB.id]
    -- As in cancel.lua. One that says `cancelled` may be of this purge.
    if not has_ended(id) then
      write_record(id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp,
        'queue', ARGV[i + WAITING_JOB.queue], 'function', ARGV[i + WAITING_JOB.task], 'moves', moves_of(id) })
      finish(id, ARGV[i + WAITING_JOB.unique], 'cancelled')
    end
    retired = retired + 1
  end
end
write_recent()
return retired
