-- needs: full time record status moves locations alias take
-- The second step of purging a queue: jobs that are in the trash already get the record `cancelled`,
--   their unique keys are freed and whoever waits is notified. Moves nothing; doing it twice is harmless.
-- ARGV: ns, op, lo, hi (where they were seen in the trash), then each: mark, id, queue, function, unique
-- Reply: how many are still in the trash
local ns, trash = ARGV[1], ARGV[1] .. ':trash:' .. ARGV[2]
local stamp = server_time()
local who = redis.pcall('HGET', ns .. ':operation:' .. ARGV[2], 'who')
who = type(who) == 'string' and who or ''
local marks, retired = {}, 0
for i = 5, #ARGV, 5 do marks[#marks + 1] = ARGV[i] end
-- Once for each purge, however often this runs.
local function moves_of(id)
  local known = record_text(ns, id, 'moves')
  if string.find(known, ARGV[2], 1, true) then return known end
  return moves_with(ns, id, move_line(stamp, 'purge', who, ARGV[2]))
end

local indexes = find(trash, tonumber(ARGV[3]), tonumber(ARGV[4]), marks)
for n = 1, #marks do
  if indexes[n] then
    local at = 6 + (n - 1) * 5
    local id, queue, task, unique = unpack(ARGV, at, at + 3)
    -- As in cancel.lua. One that says `cancelled` may be of this purge.
    if not has_ended(ns, id) then
      write_record(ns, id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp,
        'queue', queue, 'function', task,
        'moves', moves_of(id) })
      finish(ns, id, unique, 'cancelled')
    end
    retired = retired + 1
  end
end
write_recent(ns)
return retired
