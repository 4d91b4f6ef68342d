-- Fragment: how the attempts of a job went that failed or was tried more than once.
-- attempts_with(ns, id, ...): what its record's `attempts` is to say from now on. A line of JSON each, the last
-- ten: started_at, run_ms, verb, process, error.
local KEPT_ATTEMPTS, ATTEMPT_ERROR = 10, 300

local function attempts_with(ns, id, started_at, run_ms, verb, process, traceback)
  local lines = {}
  for line in string.gmatch(record_text(ns, id, 'attempts'), '[^\n]+') do lines[#lines + 1] = line end
  local tail = string.sub(traceback, -ATTEMPT_ERROR)
  lines[#lines + 1] = cjson.encode({ started_at, run_ms, verb, process, string.match(tail, '([^\n]*)%s*$') })
  return table.concat(lines, '\n', math.max(1, #lines - KEPT_ATTEMPTS + 1))
end
