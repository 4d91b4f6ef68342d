-- Which outcomes of a process were settled though it had no reply. Writes nothing.
-- Reply, per outcome: a flag SETTLED_... (see flags.py).
local STATUS = { complete = 'completed', retry = 'retrying', fail = 'failed', cancel = 'cancelled' }

local function fields_of(id)
  local key = job_key(id)
  local found = redis.pcall('HMGET', key, 'status', 'worker', 'started_at', 'attempts', 'run_us', 'ts')
  if not found.err then return unpack(found) end
  local ok, known = pcall(cjson.decode, redis.pcall('GET', key))
  if ok and type(known) == 'table' then return known.status, known.worker, known.started_at, known.attempts end
end

local function settled(id, verb, started_at, finished_at)
  local status, worker, began, attempts, run_us, ts = fields_of(id)
  if not status then return true end
  -- What `attempts_with` wrote: it stays when the next attempt has begun.
  for line in string.gmatch(type(attempts) == 'string' and attempts or '', '[^\n]+') do
    local ok, attempt = pcall(cjson.decode, line)
    if ok and type(attempt) == 'table' and attempt[1] == started_at and attempt[3] == verb and attempt[4] == process then return true end
  end
  if status ~= STATUS[verb] or worker ~= process then return false end
  -- The record of a completed job has its end instead of its start (see complete.lua).
  if verb == 'complete' and run_us then return ts == finished_at end
  return tonumber(began) == tonumber(started_at)
end

local flags = {}
for i = outcomes_first, outcomes_last, SENT_OUTCOME.SIZE do
  local id, verb = ARGV[i + SENT_OUTCOME.id], ARGV[i + SENT_OUTCOME.verb]
  local started_at, finished_at = ARGV[i + SENT_OUTCOME.started_at], ARGV[i + SENT_OUTCOME.finished_at]
  local flag = settled(id, verb, started_at, finished_at) and SETTLED_YES or SETTLED_NO
  if flag == SETTLED_NO and verb == 'retry' and settled(id, 'cancel', started_at, finished_at) then
    flag = SETTLED_AS_CANCEL
  end
  flags[#flags + 1] = flag
end
return flags
