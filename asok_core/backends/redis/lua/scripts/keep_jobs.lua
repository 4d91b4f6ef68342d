-- needs: full time record status locations active held holds
-- Jobs of a process that a hold keeps from starting: active -> held. Where that hold has ended since its process read it:
--   active -> pending, at the consuming end. No attempt has begun, so nothing is counted, and no retry is spent.
-- A script of its own, and not a verb of settle.lua: what a cycle does not use would make each cycle slower.
-- Reply, per job: a flag OUTCOME_... (see flags.py).
local stamp = server_time()

local flags, back = {}, {}
for i = jobs_first, jobs_last, KEPT_JOB.SIZE do
  local queue, envelope, hold = ARGV[i + KEPT_JOB.queue], ARGV[i + KEPT_JOB.envelope], ARGV[i + KEPT_JOB.hold]
  local id, active, flag = ARGV[i + KEPT_JOB.id], active_key(process, queue), OUTCOME_WRONG_TYPE
  if not is_active(active, envelope) then
    flag = OUTCOME_NOT_ACTIVE
  elseif is_cancelled(id) then
    flag = OUTCOME_TO_RETURN
  elseif not is_in_force(hold) then
    -- Returned below, once it is known which others are.
    back[#back + 1] = { #flags + 1, queue, active, envelope }
  elseif name_held(hold, queue) and pushed('LPUSH', held_key(hold, queue), envelope) then
    write_held({ id = id, queue = queue, task = ARGV[i + KEPT_JOB.task], retries = ARGV[i + KEPT_JOB.retries],
      retry_count = ARGV[i + KEPT_JOB.retry_count], unique = ARGV[i + KEPT_JOB.unique] }, hold, stamp)
    flag = OUTCOME_SETTLED
  end
  if flag == OUTCOME_SETTLED then redis.call('LREM', active, -1, envelope) end
  flags[#flags + 1] = flag
end
-- The oldest last: it ends nearest to the consuming end. Their records say pending already.
for i = #back, 1, -1 do
  local at, queue, active, envelope = unpack(back[i])
  if not is_active(active, envelope) then
    -- It was a copy of one that is returned by now.
    flags[at] = OUTCOME_NOT_ACTIVE
  elseif pushed('RPUSH', queue_key(queue), envelope) then
    redis.call('LREM', active, -1, envelope)
    flags[at] = OUTCOME_SETTLED
  end
end
return flags
