-- needs: record stats places
-- recover: active -> pending (consuming end, order kept) or, after too many crashes, -> dead letters.
-- ARGV: ns, process, queue, guard (worker whose lease must have run out, or ''), crash limit, dlq_max,
--   then each, newest first: envelope, id, charge (0/1: its process died while running it), letter,
--   function, unique
-- Reply: { refused (1: the lease is alive), returned, dead }
local ns, process, queue, guard = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local limit, dlq_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%.6f', now)
if guard ~= '' then
  local lease = redis.call('ZSCORE', ns .. ':workers', guard)
  if lease and tonumber(lease) > now * 1000 then return { 1, 0, 0 } end
end
local active, returned, dead = active_key(ns, process, queue), 0, 0

local function crashed(id)
  redis.call('SET', ns .. ':suspects', '1', 'EX', 86400)
  local key = ns .. ':crashes:' .. id
  local crashes = redis.call('INCR', key)
  redis.call('EXPIRE', key, 86400)
  return crashes
end

for i = 7, #ARGV, 6 do
  local envelope, id, charge, letter, task, unique = unpack(ARGV, i, i + 5)
  if redis.call('LPOS', active, envelope) then
    local crashes = charge == '1' and id ~= '' and crashed(id) or 0
    if crashes >= limit and push_dead(ns, letter, dlq_max) then
      redis.call('LREM', active, 1, envelope)
      write_record(ns, id, { 'status', 'failed', 'ts', stamp, 'queue', queue, 'function', task,
        'finished_at', stamp,
        'error', string.format('the process died %d times while running this job', crashes) })
      redis.call('DEL', ns .. ':crashes:' .. id)
      finish(ns, id, unique, 'failed')
      tally(queue, 'dead', 1)
      tally(queue, 'failed', 1)
      dead = dead + 1
    elseif pushed('RPUSH', pending_key(ns, queue), envelope) then
      redis.call('LREM', active, 1, envelope)
      write_record(ns, id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task })
      returned = returned + 1
    end
  end
end
write_tally(ns, tonumber(time[1]))
return { 0, returned, dead }
