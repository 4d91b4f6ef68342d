-- needs: record
-- The attempts of a job that failed or was tried more than once.
-- attempts_with(id, ...): the new value of `attempts` in its record. A line of JSON each, the last ten:
--   started_at, run_ms, verb, process, error.
local KEPT_ATTEMPTS, ATTEMPT_ERROR = 10, 300

local function attempts_with(id, started_at, run_ms, verb, process, traceback)
  local lines = {}
  for line in string.gmatch(record_text(id, 'attempts'), '[^\n]+') do lines[#lines + 1] = line end
  local tail = string.sub(traceback, -ATTEMPT_ERROR)
  lines[#lines + 1] = cjson.encode({ started_at, run_ms, verb, process, string.match(tail, '([^\n]*)%s*$') })
  return table.concat(lines, '\n', math.max(1, #lines - KEPT_ATTEMPTS + 1))
end
