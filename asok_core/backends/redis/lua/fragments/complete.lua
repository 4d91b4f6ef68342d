-- needs: record stats locations attempts
-- Settle jobs that completed, as most jobs do: active -> finished.
-- complete(process, release, dubious, at, flags): settle the group (CompletedGroup) that begins at `at` in ARGV; `flags`
--   gets one more for each job, OUTCOME_SETTLED or OUTCOME_NOT_ACTIVE.
--   Reply: where in ARGV the next outcome is.
-- What the jobs of a group have in common is sent and checked once.

-- Microseconds since the epoch, or nil where another program wrote what is not a time. (`tonumber` would read the
-- digits twice, and a string is as good in arithmetic.)
local function micros(seconds)
  if #seconds > 17 or not string.find(seconds, '^%d+%.?%d*$') then return nil end
  return math.floor(seconds * 1e6 + 0.5)
end

-- A completed job's record is a small hash, for there may be millions: no field twice, none without information. `ts` is
-- its end, `run_us` microseconds before that it began, `queued_us` before that it was enqueued.
-- backends/redis/records.py reads it. `result` '': it was not to be kept.
local FRESH_FIELDS = 7 -- of enqueue.lua
local NOT_OF_COMPLETED = { 'enqueued_at', 'queue', 'retries', 'retry_count', 'started_at', 'finished_at',
  'error', 'error_line', 'result', 'result_type', 'result_error', 'release', 'checkpoint' }

-- A record that is not a hash gets all fields under their own names: the framework reads it.
local function write_long(id, process, release, at, ended, took, result, attempts)
  local problem = ARGV[at + COMPLETED_GROUP.result_error]
  if result == '' and problem == '' then problem = NOT_KEPT end
  local fields = { 'status', 'completed', 'ts', ended, 'queue', ARGV[at + COMPLETED_GROUP.queue],
    'function', ARGV[at + COMPLETED_GROUP.task], 'retries', ARGV[at + COMPLETED_GROUP.retries],
    'retry_count', ARGV[at + COMPLETED_GROUP.retry_count],
    'started_at', string.format('%.6f', ended - took / 1e6),
    'finished_at', ended, 'result', result, 'error', '', 'worker', process, 'release', release }
  local function add(name, value)
    if value ~= '' then fields[#fields + 1], fields[#fields + 2] = name, value end
  end
  add('result_type', ARGV[at + COMPLETED_GROUP.result_type])
  add('result_error', problem)
  add('attempts', attempts or '')
  write_record(id, fields, nil, { 'checkpoint' }, nil, tonumber(ARGV[at + COMPLETED_GROUP.kept]))
end

local function complete(process, release, dubious, at, flags)
  local queue, kept = ARGV[at + COMPLETED_GROUP.queue], ARGV[at + COMPLETED_GROUP.kept]
  local unique, started_at = ARGV[at + COMPLETED_GROUP.unique], ARGV[at + COMPLETED_GROUP.started_at]
  local result_error = ARGV[at + COMPLETED_GROUP.result_error]
  -- Every lookup counts here: it is done for each job.
  local ARGV, call, pcall, octave, floor = ARGV, redis.call, redis.pcall, octave, math.floor
  local active = active_key(process, queue)

  local fields = { 'status', 'completed', 'ts', '', 'function', ARGV[at + COMPLETED_GROUP.task],
    'worker', process, 'run_us', '' }
  local function add(name, value, usual)
    if value ~= usual then fields[#fields + 1], fields[#fields + 2] = name, value end
  end
  add('queue', queue, 'default')
  add('retries', ARGV[at + COMPLETED_GROUP.retries], '0')
  add('retry_count', ARGV[at + COMPLETED_GROUP.retry_count], '0')
  add('result_type', ARGV[at + COMPLETED_GROUP.result_type], '')
  add('result_error', result_error, '')
  add('release', release, '')
  local common = #fields

  local function write_completed(id, ended, took, result, attempts)
    local key = job_key(id)
    local enqueued_at = pcall('HGET', key, 'enqueued_at')
    if type(enqueued_at) == 'table' then
      return write_long(id, process, release, at, ended, took, result, attempts)
    end
    fields[4], fields[10] = ended, took
    local n, queued = common, enqueued_at and micros(enqueued_at)
    if queued then
      queued = floor(ended * 1e6 + 0.5) - took - queued
      fields[n + 1], fields[n + 2], n = 'queued_us', string.format(math.abs(queued) < 1e15 and '%d' or '%.0f', queued), n + 2
    end
    if result_error == '' and result ~= 'null' then
      fields[n + 1], fields[n + 2], n = 'result', result, n + 2
    end
    if attempts then fields[n + 1], fields[n + 2], n = 'attempts', attempts, n + 2 end
    -- Most are over before they are noted as running: nothing but what `enqueue` wrote is in their record.
    if call('HLEN', key) == FRESH_FIELDS then call('DEL', key)
    else call('HDEL', key, unpack(NOT_OF_COMPLETED)) end
    call('HSET', key, unpack(fields, 1, n))
    call('EXPIRE', key, kept)
  end

  local settled, run_ms, wait_ms, runs, waits = 0, 0, 0, {}, {}
  local first, flag = at + COMPLETED_GROUP.SIZE, #flags
  local last = first + ARGV[at + COMPLETED_GROUP.jobs] * COMPLETED_JOB.SIZE
  for i = first, last - 1, COMPLETED_JOB.SIZE do
    local id, result = ARGV[i + COMPLETED_JOB.id], ARGV[i + COMPLETED_JOB.result]
    local run, wait = ARGV[i + COMPLETED_JOB.run_us] / 1000, ARGV[i + COMPLETED_JOB.wait_us] / 1000
    local removed = pcall('LREM', active, -1, ARGV[i + COMPLETED_JOB.envelope])
    flag = flag + 1
    if removed == 0 or wrong_type(removed) then
      flags[flag] = OUTCOME_NOT_ACTIVE
    else
      flags[flag], settled = OUTCOME_SETTLED, settled + 1
      -- Of a job that completes at its first attempt, the record has everything.
      local attempts = started_at ~= ''
        and attempts_with(id, started_at, string.format('%.3f', run), 'complete', process, '')
      write_completed(id, ARGV[i + COMPLETED_JOB.finished_at], ARGV[i + COMPLETED_JOB.lasted_us], result, attempts)
      finish(id, unique, 'completed')
      if dubious == 1 then call('DEL', crashes_key(id)) end
      run_ms, wait_ms = run_ms + floor(run + 0.5), wait_ms + floor(wait + 0.5)
      local run_octave, wait_octave = octave(run), octave(wait)
      runs[run_octave] = (runs[run_octave] or 0) + 1
      waits[wait_octave] = (waits[wait_octave] or 0) + 1
    end
  end
  tally(queue, 'completed', settled)
  tally(queue, 'run_ms', run_ms)
  tally(queue, 'wait_ms', wait_ms)
  for n, times in pairs(runs) do tally(queue, 'run_b' .. n, times) end
  for n, times in pairs(waits) do tally(queue, 'wait_b' .. n, times) end
  return last
end
