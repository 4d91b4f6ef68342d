-- needs: full time expect record moves status locations processes audit
-- The record of a job that is in no location -> `cancelled` with the reason, its unique keys freed, those who
--   wait are notified (see operating/missing_jobs.py). Moves no job: there is none. What this one step looks
--   through is all that jobs move between without a trace in their records: the queue, and what workers hold.
local key, mark_now, queue = job_key(job_id), nil, nil
local function answer(state) return reply { state = state, mark = mark_now or '', queue = queue or '' } end

local fields = redis.pcall('HMGET', key, 'status', 'ts', 'queue', 'started_at', 'retry_count')
if fields.err then
  local json = redis.pcall('GET', key)
  if type(json) ~= 'string' then return answer('none') end
  if status_of(job_id) == 'running' then return answer('foreign') end
  local ok, known = pcall(cjson.decode, json)
  mark_now, queue = redis.sha1hex(json), ok and type(known) == 'table' and known.queue
else
  if not fields[1] then return answer('none') end
  for i = 1, 5 do fields[i] = fields[i] or '' end
  mark_now, queue = redis.sha1hex(table.concat(fields, '|')), fields[3]
end
if type(queue) ~= 'string' or queue == '' then queue = 'default' end
if has_ended(job_id) then return answer('ended') end
if mark ~= '' and mark ~= mark_now then return answer('moved') end

-- Whether a list has it; nil where too much was looked through.
local function has(list)
  local at, step = 0, 1
  while true do
    local items = redis.pcall('LRANGE', list, at, at + step - 1)
    if items.err then return false end
    for _, item in ipairs(items) do
      if string.find(item, text, 1, true) then return true end
      most_jobs, most_bytes = most_jobs - 1, most_bytes - #item
    end
    if most_jobs < 0 or most_bytes < 0 then return nil end
    if #items < step then return false end
    -- As far as they are small; `most_bytes` is checked after each step.
    at, step = at + step, math.min(100, #items[#items] < 10000 and step * 2 or 1)
  end
end

local found = has(queue_key(queue))
local seen = {}
local function search(list)
  if found == false and not seen[list] then
    seen[list], most_lists = true, most_lists - 1
    if most_lists < 0 then found = nil else found = has(list) end
  end
end
for _, worker in ipairs(redis.call('ZRANGE', workers_key, 0, -1)) do
  local published = redis.pcall('HMGET', worker_key(worker), 'slots', 'processes')
  for _, n in ipairs(process_numbers(published[1], published[2], 256, 4096)) do
    search(active_key(string.format('%s.%d', worker, n), queue))
  end
end
for i = active_first, active_last do search(ARGV[i]) end
if found == nil then return answer('many') end
if found then return answer('held') end
if mark == '' then return answer('gone') end

expect_audit(op)
local stamp = server_time()
write_record(job_id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp, 'error', error_line,
  'error_line', error_line, 'moves', moves_with(job_id, move_line(stamp, 'cancel', (author_of(about)), 'lost')) })
for i = unique_first, unique_last do
  if redis.pcall('GET', ARGV[i]) == job_id then redis.call('DEL', ARGV[i]) end
end
finish(job_id, '', 'cancelled')
write_recent()
note(op, about, counts, 1, {}, 'done')
return answer('gone')
