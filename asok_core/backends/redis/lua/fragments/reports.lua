-- needs: record locations
-- What running attempts report. Of their progress, in `progress` of a job's record: a line of JSON for each attempt,
-- the oldest first, which begins with its start (jobs/progress.py). In `checkpoint` from where the job resumes: the
-- last alone, as its worker signed it (jobs/checkpoint.py).
-- note_report(process, at): write the report (TaskReport) that begins at `at` in ARGV. Only if this process
--   still runs that attempt: the record says so or, where `envelope` is given since nothing is noted yet, the
--   active list holds it. Where a later attempt has begun, or the job has ended, nothing is written.
-- The TTL of the record stays.
local KEPT_REPORTS, LONGEST_REPORTS = 10, 65536

-- status, worker, started_at and progress of a record of either form, as texts; whether it is JSON. nil without one.
local function reported(key)
  local known = redis.pcall('HMGET', key, 'status', 'worker', 'started_at', 'progress')
  if not known.err then return known, false end
  local text = redis.pcall('GET', key)
  local ok, record = pcall(cjson.decode, type(text) == 'string' and text or '')
  if not ok or type(record) ~= 'table' then return nil end
  local function text_of(value)
    if type(value) == 'number' then return string.format('%.6f', value) end
    return type(value) == 'string' and value
  end
  return { text_of(record.status), text_of(record.worker), text_of(record.started_at), text_of(record.progress) }, true
end

local function reports_with(text, started_at, line)
  local lines, beginning = {}, '["' .. started_at .. '"'
  -- Another program may have put anything there.
  if type(text) == 'string' and #text <= LONGEST_REPORTS then
    for each in string.gmatch(text, '[^\n]+') do lines[#lines + 1] = each end
  end
  if #lines > 0 and string.sub(lines[#lines], 1, #beginning) == beginning then lines[#lines] = nil end
  lines[#lines + 1] = line
  return table.concat(lines, '\n', math.max(1, #lines - KEPT_REPORTS + 1))
end

local function note_report(process, at)
  local id, envelope = ARGV[at + TASK_REPORT.id], ARGV[at + TASK_REPORT.envelope]
  local started_at, key = ARGV[at + TASK_REPORT.started_at], job_key(id)
  local known, is_json = reported(key)
  if id == '' or not known or not known[1] then return end
  local status, began = known[1], known[3]
  if envelope == '' then
    if status ~= 'running' or known[2] ~= process or began ~= started_at then return end
  else
    local index = redis.pcall('LPOS', active_key(process, ARGV[at + TASK_REPORT.queue]), envelope)
    if wrong_type(index) or not index then return end
    if status == 'completed' or status == 'failed' or status == 'cancelled' then return end
    began = began and #began <= 32 and tonumber(began)
    if began and began > tonumber(started_at) then return end
  end
  local line, checkpoint, fields = ARGV[at + TASK_REPORT.line], ARGV[at + TASK_REPORT.checkpoint], {}
  if line ~= '' then fields = { 'progress', reports_with(known[4], started_at, line) } end
  if checkpoint ~= '' then fields[#fields + 1], fields[#fields + 2] = 'checkpoint', checkpoint end
  if not is_json then return redis.call('HSET', key, unpack(fields)) end
  local ttl = redis.call('TTL', key)
  write_json(key, fields, ttl > 0 and ttl or UNFINISHED_TTL)
end
