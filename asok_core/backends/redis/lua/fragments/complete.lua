-- Fragment of cycle: settle jobs that completed, as most jobs do: active -> finished.
-- complete(ns, process, suspects, at, flags): settle the group at ARGV[at]; `flags` gets one more for each job: 1 done;
--   0 the envelope was not in the active list, its lease was lost and nothing is written. Reply: where in ARGV the
--   next outcome is.
-- What jobs have in common is sent and checked once. ARGV of a group: 'complete', how many jobs, queue, function,
--   retries, retry_count, kept (seconds for which their records stay), unique, result_type, result_error, started_at
--   ('' at the first attempt, where nobody needs it); then of each job: envelope, id, finished_at, microseconds
--   since started_at, run_us, wait_us, result.
local GROUP, MEMBER = 11, 7

local NOT_KEPT = 'result not stored: keep_result is False'

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
  'error', 'error_line', 'result', 'result_type', 'result_error' }

-- A record that is not a hash gets all fields under their own names: the framework reads it.
local function write_long(ns, id, process, at, ended, took, result, attempts)
  local problem = ARGV[at + 9]
  if result == '' and problem == '' then problem = NOT_KEPT end
  local fields = { 'status', 'completed', 'ts', ended, 'queue', ARGV[at + 2], 'function', ARGV[at + 3],
    'retries', ARGV[at + 4], 'retry_count', ARGV[at + 5],
    'started_at', string.format('%.6f', ended - took / 1e6),
    'finished_at', ended, 'result', result, 'error', '', 'worker', process }
  local function add(name, value)
    if value ~= '' then fields[#fields + 1], fields[#fields + 2] = name, value end
  end
  add('result_type', ARGV[at + 8])
  add('result_error', problem)
  add('attempts', attempts or '')
  write_record(ns, id, fields, nil, nil, nil, tonumber(ARGV[at + 6]))
end

local function complete(ns, process, suspects, at, flags)
  local count, queue, task, retries, retry_count, kept, unique, result_type, result_error, started_at =
    tonumber(ARGV[at + 1]), unpack(ARGV, at + 2, at + GROUP - 1)
  -- Every lookup counts here: it is done for each job.
  local call, pcall, octave, floor = redis.call, redis.pcall, octave, math.floor
  local active, records = active_key(ns, process, queue), ns .. ':job:'

  local fields = { 'status', 'completed', 'ts', '', 'function', task, 'worker', process, 'run_us', '' }
  local function add(name, value, usual)
    if value ~= usual then fields[#fields + 1], fields[#fields + 2] = name, value end
  end
  add('queue', queue, 'default')
  add('retries', retries, '0')
  add('retry_count', retry_count, '0')
  add('result_type', result_type, '')
  add('result_error', result_error, '')
  local common = #fields

  local function write_completed(id, ended, took, result, attempts)
    local key = records .. id
    local enqueued_at = pcall('HGET', key, 'enqueued_at')
    if type(enqueued_at) == 'table' then
      return write_long(ns, id, process, at, ended, took, result, attempts)
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
  local first, flag = at + GROUP, #flags
  local last = first + count * MEMBER
  for i = first, last - 1, MEMBER do
    local envelope, id, ended, took, run, wait, result = unpack(ARGV, i, i + MEMBER - 1)
    local removed = pcall('LREM', active, -1, envelope)
    flag = flag + 1
    if removed == 0 or wrong_type(removed) then
      flags[flag] = 0
    else
      flags[flag], settled = 1, settled + 1
      run, wait = run / 1000, wait / 1000
      -- Of a job that completes at its first attempt, the record has everything.
      local attempts = started_at ~= ''
        and attempts_with(ns, id, started_at, string.format('%.3f', run), 'complete', process, '')
      write_completed(id, ended, took, result, attempts)
      finish(ns, id, unique, 'completed')
      if suspects == 1 then call('DEL', ns .. ':crashes:' .. id) end
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
