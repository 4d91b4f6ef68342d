-- needs: full time record status locations active held limits
-- Jobs of a process that limits are about, before they start: they start, or active -> held, until a limit gives them back.
-- A job has one `JobLimit` for each limit, which follow each other in `limits`; it starts where each allows it, and waits for the
--   first that does not. What it was of the others before does not keep their jobs from starting. `running` 1: it runs already, as
--   a limit is new, and is counted only.
-- Reply, per job: a flag START_...: MAY_START; RETURNED: it waits; CANCELLED, NOT_ACTIVE; NO_RECORD: it cannot be put aside, as a
--   key is of another type, and stays active.
local stamp, now = server_time()
local flags, fronts, touched, order = {}, {}, {}, {}
local at = limits_first

local function limits_of(number)
  local found = {}
  while at <= limits_last and tonumber(ARGV[at + JOB_LIMIT.job]) == number do
    local limit = { bucket = ARGV[at + JOB_LIMIT.bucket], at_once = tonumber(ARGV[at + JOB_LIMIT.at_once]),
      interval = tonumber(ARGV[at + JOB_LIMIT.interval]), burst = tonumber(ARGV[at + JOB_LIMIT.burst]), row = at }
    found[#found + 1] = limit
    at = at + JOB_LIMIT.SIZE
  end
  return found
end

-- What each bucket is, once; `declared` again for jobs that wait, as supervisors give them back by that.
local function describe(limit)
  if not touched[limit.bucket] then
    touched[limit.bucket], order[#order + 1] = true, limit
    limit.is_new = not state_of(limit).is_described
  end
  if not state_of(limit).is_described then
    redis.call('HSET', limit_key(limit.bucket), 'identity', ARGV[limit.row + JOB_LIMIT.identity],
      'value', ARGV[limit.row + JOB_LIMIT.value], 'declared', ARGV[limit.row + JOB_LIMIT.declared])
    state_of(limit).is_described = true
  end
end

local function first_refusal(limits, id, holder_of)
  for _, limit in ipairs(limits) do
    if not may_start(limit, id, holder_of, now) then return limit end
  end
end

for i = jobs_first, jobs_last, LIMITED_JOB.SIZE do note_served(ARGV[i + LIMITED_JOB.queue]) end
for i = jobs_first, jobs_last, LIMITED_JOB.SIZE do
  local number = #flags + 1
  local job = { id = ARGV[i + LIMITED_JOB.id], queue = ARGV[i + LIMITED_JOB.queue], task = ARGV[i + LIMITED_JOB.task],
    retries = ARGV[i + LIMITED_JOB.retries], retry_count = ARGV[i + LIMITED_JOB.retry_count],
    unique = ARGV[i + LIMITED_JOB.unique] }
  local envelope, limits = ARGV[i + LIMITED_JOB.envelope], limits_of(number)
  local active = active_key(process, job.queue)
  local runs, holder_of = ARGV[i + LIMITED_JOB.running] == '1', ARGV[i + LIMITED_JOB.holder]
  if not is_active(active, envelope) then
    flags[number] = START_NOT_ACTIVE
  elseif not runs and is_cancelled(job.id) then
    flags[number] = START_CANCELLED
  else
    for _, limit in ipairs(limits) do describe(limit) end
    local refusal = not runs and first_refusal(limits, job.id, holder_of)
    if not refusal then
      for _, limit in ipairs(limits) do enter(limit, job.id, holder_of, now) end
      flags[number] = START_MAY_START
    else
      local was_first = false
      redis.call('HSET', limit_key(refusal.bucket), 'declared', ARGV[refusal.row + JOB_LIMIT.declared])
      for _, limit in ipairs(limits) do was_first = leave(limit, job.id) and limit == refusal or was_first end
      if was_first then
        -- Put aside below: the oldest last, so that it is the first again.
        fronts[#fronts + 1] = { number, refusal, job, envelope, active }
        flags[number] = START_RETURNED
      elseif set_waiting(refusal, job.queue, job.id, envelope, false) then
        redis.call('LREM', active, -1, envelope)
        write_held(job, refusal.bucket, stamp)
        flags[number] = START_RETURNED
      else
        flags[number] = START_NO_RECORD
      end
    end
  end
end
for i = #fronts, 1, -1 do
  local number, limit, job, envelope, active = unpack(fronts[i])
  if set_waiting(limit, job.queue, job.id, envelope, true) then
    redis.call('LREM', active, -1, envelope)
    write_held(job, limit.bucket, stamp)
  else
    flags[number] = START_NO_RECORD
  end
end
for _, limit in ipairs(order) do
  if #state_of(limit).queues > 0 then give_back(limit, now, stamp, MOST_GIVEN_BACK) end
  if limit.is_new or #state_of(limit).queues > 0 then look_again(limit, now) end
end
return flags
