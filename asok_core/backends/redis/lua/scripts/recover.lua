-- needs: full time record status moves stats locations failure_notices guard
-- recover: active -> pending (consuming end, order kept) or, after too many crashes, -> dead letters.
-- ARGV: ns, process, queue, guard (worker whose lease must have run out, or ''), by (worker that recovers,
--   whose own lease must be alive at the same instant; of no account without guard), dlq_max,
--   then each, newest first: envelope, id, limit (its process died while running it, and after so many
--   times it is dead; 0: it is not charged), letter, function, unique, error. A guard whose hash says
--   `stopping` was killed by whoever stopped it, and none of its jobs is charged.
-- Reply: { refused (1: the one lease is alive, or the other is not), returned, dead, dropped dead letters,
--   numbers of the dead, from 1 }
local ns, process, queue, guard = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local dlq_max = tonumber(ARGV[6])
local stamp, now, second = server_time()

if is_guarded(ns, guard, ARGV[5], now) then return { 1, 0, 0, 0, {} } end
local stopping = guard ~= '' and redis.pcall('HGET', ns .. ':worker:' .. guard, 'stopping') == '1'
local active, returned, dead, dropped = active_key(ns, process, queue), 0, {}, 0

local function crashes_of(id)
  local count = redis.pcall('GET', ns .. ':crashes:' .. id)
  -- Another program may have put anything there: nan, or more digits than a number has.
  return type(count) == 'string' and #count < 10 and string.find(count, '^%d+$') and tonumber(count) or 0
end

-- Written only once the job is moved: one that cannot be is met again, and has not crashed again.
local function charge_with(id, crashes)
  redis.call('SET', ns .. ':suspects', '1', 'EX', 86400)
  redis.call('SET', ns .. ':crashes:' .. id, string.format('%d', crashes), 'EX', 86400)
end

-- moves_of(id, crashes): a run that its process did not survive has no outcome, so nothing else tells of it.
-- Detail: when it began, as far as that was noted.
local function moves_of(id, crashes)
  local began = record_text(ns, id, 'status') == 'running' and record_text(ns, id, 'started_at') or ''
  if crashes == 0 and began == '' then return nil end
  return moves_with(ns, id, move_line(stamp, crashes > 0 and 'crash' or 'interrupt', process, began))
end

for i = 7, #ARGV, 7 do
  local envelope, id, limit, letter, task, unique = unpack(ARGV, i, i + 5)
  limit = tonumber(limit)
  local place = redis.pcall('LPOS', active, envelope)
  if not wrong_type(place) and place then
    local crashes = limit > 0 and not stopping and id ~= '' and crashes_of(id) + 1 or 0
    local over = crashes > 0 and crashes >= limit and push_dead(ns, letter, dlq_max)
    if over then
      redis.call('LREM', active, 1, envelope)
      push_notice(ns, queue, '0', letter, now)
      write_record(ns, id, { 'status', 'failed', 'ts', stamp, 'queue', queue, 'function', task,
        'finished_at', stamp, 'error', ARGV[i + 6], 'error_line', ARGV[i + 6],
        'moves', moves_of(id, crashes) })
      redis.call('DEL', ns .. ':crashes:' .. id)
      finish(ns, id, unique, 'failed')
      tally(queue, 'dead', 1)
      tally(queue, 'failed', 1)
      tally(queue, 'dropped', over)
      dead[#dead + 1], dropped = i / 7, dropped + over
    elseif pushed('RPUSH', pending_key(ns, queue), envelope) then
      redis.call('LREM', active, 1, envelope)
      if crashes > 0 then charge_with(id, crashes) end
      if not has_ended(ns, id) then
        local fields = { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task }
        local moves = moves_of(id, crashes)
        if moves then fields[#fields + 1], fields[#fields + 2] = 'moves', moves end
        write_record(ns, id, fields)
      end
      returned = returned + 1
    end
  end
end
write_tally(ns, second)
write_recent(ns)
return { 0, returned, #dead, dropped, dead }
