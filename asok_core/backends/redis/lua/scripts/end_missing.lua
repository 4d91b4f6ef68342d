-- needs: full time expect record moves status locations processes audit
-- end_lost: the record of a job that is in no place -> `cancelled` with the reason, its unique keys freed, whoever
--   waits is notified (see operating/missing_jobs.py). Moves no job: there is none. What this one step looks through is
--   all that jobs move between without a word in their records: the queue, and what workers hold.
-- ARGV: ns, op, about, counts (audit), mark ('': only look; else end it, if its record is still as it was when
--   a look returned this mark), id, text (the id as an envelope has it), error line, most jobs, most bytes,
--   most lists, n, then n active lists that a SCAN found, then its unique keys
-- Reply: { `gone` (with a mark: ended), `held` (a list has it, or a job that names it), `many` (too much to look
--   through at once), `moved` (its record has changed), `ended`, `none` (no record), `foreign` (it runs, by a
--   record of the framework, whose worker holds jobs in no list); the mark; the queue by its record }
local ns, id, text = ARGV[1], ARGV[6], ARGV[7]
local key, mark, queue = ns .. ':job:' .. id, nil, nil
local jobs, bytes, lists = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

local fields = redis.pcall('HMGET', key, 'status', 'ts', 'queue', 'started_at', 'retry_count')
if fields.err then
  local json = redis.pcall('GET', key)
  if type(json) ~= 'string' then return { 'none', '', '' } end
  if status_of(ns, id) == 'running' then return { 'foreign', '', '' } end
  local ok, known = pcall(cjson.decode, json)
  mark, queue = redis.sha1hex(json), ok and type(known) == 'table' and known.queue
else
  if not fields[1] then return { 'none', '', '' } end
  for i = 1, 5 do fields[i] = fields[i] or '' end
  mark, queue = redis.sha1hex(table.concat(fields, '|')), fields[3]
end
if type(queue) ~= 'string' or queue == '' then queue = 'default' end
if has_ended(ns, id) then return { 'ended', mark, queue } end
if ARGV[5] ~= '' and ARGV[5] ~= mark then return { 'moved', mark, queue } end

-- Whether a list has it; nil where too much was looked through.
local function has(list)
  local at, step = 0, 1
  while true do
    local items = redis.pcall('LRANGE', list, at, at + step - 1)
    if items.err then return false end
    for _, item in ipairs(items) do
      if string.find(item, text, 1, true) then return true end
      jobs, bytes = jobs - 1, bytes - #item
    end
    if jobs < 0 or bytes < 0 then return nil end
    if #items < step then return false end
    -- As far as they are small; `bytes` is looked at behind each step.
    at, step = at + step, math.min(100, #items[#items] < 10000 and step * 2 or 1)
  end
end

local found = has(pending_key(ns, queue))
local seen = {}
local function look(list)
  if found == false and not seen[list] then
    seen[list], lists = true, lists - 1
    if lists < 0 then found = nil else found = has(list) end
  end
end
for _, worker in ipairs(redis.call('ZRANGE', ns .. ':workers', 0, -1)) do
  local said = redis.pcall('HMGET', ns .. ':worker:' .. worker, 'slots', 'processes')
  for _, n in ipairs(process_numbers(said[1], said[2], 256, 4096)) do
    look(active_key(ns, string.format('%s.%d', worker, n), queue))
  end
end
local last = 12 + tonumber(ARGV[12])
for i = 13, last do look(ARGV[i]) end
if found == nil then return { 'many', mark, queue } end
if found then return { 'held', mark, queue } end
if ARGV[5] == '' then return { 'gone', mark, queue } end

local op = ARGV[2]
expect_audit(ns, op)
local stamp = server_time()
write_record(ns, id, { 'status', 'cancelled', 'ts', stamp, 'finished_at', stamp, 'error', ARGV[8],
  'error_line', ARGV[8], 'moves', moves_with(ns, id, move_line(stamp, 'cancel', (said(ARGV[3])), 'lost')) })
for i = last + 1, #ARGV do
  if redis.pcall('GET', ARGV[i]) == id then redis.call('DEL', ARGV[i]) end
end
finish(ns, id, '', 'cancelled')
write_recent(ns)
note(ns, op, ARGV[3], ARGV[4], 1, {}, 'done')
return { 'gone', mark, queue }
