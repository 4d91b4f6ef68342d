-- needs: full time expect record status moves locations alias take audit
-- cancel: pending or delayed -> trash, as they are; record `cancelled`, unique key freed, whoever waits
--   is told. One batch, one step.
-- ARGV: ns, op, about, counts (audit), queue ('' for delayed jobs), lo, hi (where
--   they were seen; of no account for delayed), then each, oldest first:
--   mark (pending) or envelope (delayed), id, queue, function, unique
-- Reply: per job 1 cancelled; 0 no longer there
local ns, op, queue = ARGV[1], ARGV[2], ARGV[5]
local list = queue ~= '' and pending_key(ns, queue)
local delayed, trash = ns .. ':delayed_tasks', ns .. ':trash:' .. op
expect_audit(ns, op)
expect('list', trash)
expect('list', trash .. ':at')
local stamp = server_time()

local who, action = said(ARGV[3])
local indexes, envelopes, marks = {}, {}, {}
for i = 8, #ARGV, 5 do marks[#marks + 1] = ARGV[i] end
if list then indexes, envelopes = find(list, tonumber(ARGV[6]), tonumber(ARGV[7]), marks) end

local function take(n)
  if list then
    if not indexes[n] then return false end
    swap(list, indexes[n], op)
    return placed(swap_back(list, indexes[n], envelopes[n]), 'LPUSH', trash, envelopes[n])
  end
  local score = redis.call('ZSCORE', delayed, marks[n])
  if not score then return false end
  redis.call('ZREM', delayed, marks[n])
  local function undo() redis.call('ZADD', delayed, score, marks[n]) end
  placed(undo, 'LPUSH', trash, marks[n])
  redis.call('LPUSH', trash .. ':at', score)
  return true
end

local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if take(n) then
    local at = 9 + (n - 1) * 5
    local id, home, task, unique = unpack(ARGV, at, at + 3)
    -- The record of a job that has ended stays as it is: what was cancelled is a copy of its envelope.
    if not has_ended(ns, id) then
      write_record(ns, id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp,
        'queue', home, 'function', task, 'moves', moves_with(ns, id, move_line(stamp, action, who, op)) })
      finish(ns, id, unique, 'cancelled')
    end
    replies[n], applied = 1, applied + 1
  end
end
write_recent(ns)
if list then sweep(list, applied, op, tonumber(ARGV[6])) end
if applied > 0 then
  expire_trash(trash)
end
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return replies
