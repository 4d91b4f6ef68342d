-- Fragment: how the attempts of a job went that failed or was tried more than once.
-- attempts_with(ns, id, ...): what its record's `attempts` is to say from now on, or nothing where the
-- record cannot hold it. A line of JSON each, the last ten: started_at, run_ms, verb, process, error.
local KEPT_ATTEMPTS, ATTEMPT_ERROR = 10, 300

local function attempts_with(ns, id, started_at, run_ms, verb, process, traceback)
  local known = redis.pcall('HGET', ns .. ':job:' .. id, 'attempts')
  if type(known) == 'table' then
    local text = redis.pcall('GET', ns .. ':job:' .. id)
    local ok, record = pcall(cjson.decode, type(text) == 'string' and text or '')
    if not ok or type(record) ~= 'table' then return nil end
    known = type(record.attempts) == 'string' and record.attempts
  end
  local lines = {}
  for line in string.gmatch(known or '', '[^\n]+') do lines[#lines + 1] = line end
  local tail = string.sub(traceback, -ATTEMPT_ERROR)
  lines[#lines + 1] = cjson.encode({ started_at, run_ms, verb, process, string.match(tail, '([^\n]*)%s*$') })
  return table.concat(lines, '\n', math.max(1, #lines - KEPT_ATTEMPTS + 1))
end
