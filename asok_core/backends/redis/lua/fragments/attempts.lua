-- needs: record
-- The attempts of a job that failed or was tried more than once.
-- attempts_with(id, ...): the new value of `attempts` in its record. A line of JSON each, the last ten:
--   started_at, run_ms, verb, process, error; note, where there is one: why it is retried or not. The first has
--   how many ms it waited as well: the envelope of a retry does not have when the first attempt was due.
local KEPT_ATTEMPTS, ATTEMPT_ERROR = 10, 300

local function attempts_with(id, started_at, run_ms, verb, process, traceback, note, wait_ms)
  local lines = {}
  for line in string.gmatch(record_text(id, 'attempts'), '[^\n]+') do lines[#lines + 1] = line end
  local tail = string.sub(traceback, -ATTEMPT_ERROR)
  local line = { started_at, run_ms, verb, process, string.match(tail, '([^\n]*)%s*$') }
  if note and note ~= '' then line[6] = note end
  if #lines == 0 and wait_ms and wait_ms > 0 then line[6], line[7] = note or '', string.format('%.3f', wait_ms) end
  lines[#lines + 1] = cjson.encode(line)
  return table.concat(lines, '\n', math.max(1, #lines - KEPT_ATTEMPTS + 1))
end
