-- needs: full time record requests status moves stats locations failure_notices guard lost_worker
-- Active -> pending (consuming end, order kept) or, after too many crashes, -> dead jobs. A job that an operator
-- cancelled while it ran -> finished, and it is not charged.
-- A guard whose hash says `stopping` was killed by the one that stopped it, and none of its jobs is charged.
local stamp, now, second = server_time()

if is_guarded(guard, by, now) then
  return reply { refused = 1, returned = 0, dead = 0, dropped = 0, cancelled = {}, dead_numbers = {} }
end
if guard ~= '' then note_lost(guard, by) end
local stopping = guard ~= '' and redis.pcall('HGET', worker_key(guard), 'stopping') == '1'
local active, returned, dead, dropped, cancelled = active_key(process, queue), 0, {}, 0, {}

local function crashes_of(id)
  local count = redis.pcall('GET', crashes_key(id))
  -- Another program may have put anything there: nan, or more digits than a number has.
  return type(count) == 'string' and #count < 10 and string.find(count, '^%d+$') and tonumber(count) or 0
end

-- Written only once the job is moved: one that cannot be is met again, and has not crashed again.
local function charge_with(id, crashes)
  redis.call('SET', dubious_key, '1', 'EX', CRASHES_TTL)
  redis.call('SET', crashes_key(id), string.format('%d', crashes), 'EX', CRASHES_TTL)
end

-- moves_of(id, crashes): a run that its process did not survive has no outcome, so nothing else shows it.
-- Detail: when it began, as far as that was noted.
local function moves_of(id, crashes)
  local began = record_text(id, 'status') == 'running' and record_text(id, 'started_at') or ''
  if crashes == 0 and began == '' then return nil end
  return moves_with(id, move_line(stamp, crashes > 0 and 'crash' or 'interrupt', process, began))
end

-- kept(fields, i): with where the code of the job was before its process was ended, as far as that is known.
local function kept(fields, i)
  local stack = ARGV[i + RECOVERED_JOB.stack]
  if stack ~= '' then fields[#fields + 1], fields[#fields + 2] = 'stack', stack end
  return fields
end

for i = jobs_first, jobs_last, RECOVERED_JOB.SIZE do
  local envelope, id, task = ARGV[i + RECOVERED_JOB.envelope], ARGV[i + RECOVERED_JOB.id], ARGV[i + RECOVERED_JOB.task]
  local limit = tonumber(ARGV[i + RECOVERED_JOB.limit])
  local index = redis.pcall('LPOS', active, envelope)
  if not wrong_type(index) and index and is_cancelled(id) then
    redis.call('LREM', active, 1, envelope)
    local began = moves_of(id, 0)
    write_record(id, kept({ 'status', 'cancelled', 'ts', stamp, 'queue', queue, 'function', task,
      'finished_at', stamp, 'moves', began or record_text(id, 'moves') }, i))
    finish(id, ARGV[i + RECOVERED_JOB.unique], 'cancelled')
    tally(queue, 'cancelled', 1)
    redis.call('DEL', crashes_key(id))
    cancelled[#cancelled + 1], cancelled[#cancelled + 2] = (i - jobs_first) / RECOVERED_JOB.SIZE + 1, began and 1 or 0
  elseif not wrong_type(index) and index then
    local crashes = limit > 0 and not stopping and id ~= '' and crashes_of(id) + 1 or 0
    local over = crashes > 0 and crashes >= limit and push_dead(ARGV[i + RECOVERED_JOB.dead_job], dlq_max)
    if over then
      redis.call('LREM', active, 1, envelope)
      push_notice(queue, '0', ARGV[i + RECOVERED_JOB.dead_job], now)
      write_record(id, { 'status', 'failed', 'ts', stamp, 'queue', queue, 'function', task,
        'finished_at', stamp, 'error', ARGV[i + RECOVERED_JOB.error], 'error_line', ARGV[i + RECOVERED_JOB.error],
        'moves', moves_of(id, crashes) })
      redis.call('DEL', crashes_key(id))
      finish(id, ARGV[i + RECOVERED_JOB.unique], 'failed')
      tally(queue, 'dead', 1)
      tally(queue, 'failed', 1)
      tally(queue, 'dropped', over)
      dead[#dead + 1], dropped = (i - jobs_first) / RECOVERED_JOB.SIZE + 1, dropped + over
    elseif pushed('RPUSH', queue_key(queue), envelope) then
      redis.call('LREM', active, 1, envelope)
      if crashes > 0 then charge_with(id, crashes) end
      if not has_ended(id) then
        local fields = { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task }
        local moves, n = moves_of(id, crashes), #fields
        if moves then fields[n + 1], fields[n + 2] = 'moves', moves end
        if moves and crashes == 0 then fields[n + 3], fields[n + 4] = 'interruptions', one_more(id, 'interruptions') end
        write_record(id, kept(fields, i))
      end
      drop_request(id, process)
      returned = returned + 1
    end
  end
end
if guard ~= '' then count_recovered(guard, returned, #dead) end
write_tally(second)
write_recent()
return reply { refused = 0, returned = returned, dead = #dead, dropped = dropped, cancelled = cancelled,
  dead_numbers = dead }
