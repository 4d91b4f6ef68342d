-- needs: record
-- What happened to a job besides its attempts, in `moves` of its record. A line of
-- JSON each, the oldest first: epoch seconds, verb, author, detail. Only what an operator does and what a dead
-- process leaves is written, so the record of any other job is no larger for it.
-- move_line(at, verb, by, detail): one such line.
-- moves_with(id, line, ...): the new value of `moves`: the first line, which says when the job was
--   enqueued if it was requeued since, and the last nineteen.
-- add_move(id, line): write it where a script writes nothing else of the record. Without a record there is
--   nothing to write it into. In a record that is JSON it is put at the end, and the rest, such as a result, stays
--   byte for byte; one that Redis cannot decode is left as it is.
local KEPT_MOVES, LONGEST_MOVES, MOVE_DETAIL = 20, 32768, 900

local function move_line(at, verb, by, detail)
  return cjson.encode({ at or '', verb, by or '', string.sub(detail or '', 1, MOVE_DETAIL) })
end

local function is_enqueue(line) return string.find(line or '', '"enqueue"', 1, true) ~= nil end

local function lines_of(text)
  local lines = {}
  -- Another program may have put anything there.
  if #text > LONGEST_MOVES then return lines end
  for line in string.gmatch(text, '[^\n]+') do lines[#lines + 1] = line end
  return lines
end

local function moves_with(id, ...)
  local lines = lines_of(record_text(id, 'moves'))
  for _, line in ipairs({ ... }) do
    if is_enqueue(line) and not is_enqueue(lines[1]) then
      table.insert(lines, 1, line)
    elseif not is_enqueue(line) then
      lines[#lines + 1] = line
    end
  end
  while #lines > KEPT_MOVES do table.remove(lines, is_enqueue(lines[1]) and 2 or 1) end
  return table.concat(lines, '\n')
end

local function add_to_json(key, moves)
  local text = redis.pcall('GET', key)
  local ok, known = pcall(cjson.decode, type(text) == 'string' and text or '')
  if not ok or type(known) ~= 'table' or not next(known) then return end
  if string.sub(text, 1, 1) ~= '{' or string.sub(text, -1) ~= '}' then return end
  text = string.sub(text, 1, -2)
  local former = type(known.moves) == 'string' and ', "moves": ' .. cjson.encode(known.moves)
  if former and string.sub(text, -#former) == former then text = string.sub(text, 1, -#former - 1) end
  local ttl = redis.call('TTL', key)
  redis.call('SET', key, text .. ', "moves": ' .. cjson.encode(moves) .. '}', 'EX', ttl > 0 and ttl or RECORD_TTL)
end

local function add_move(id, line)
  local key = job_key(id)
  if id == '' or redis.call('EXISTS', key) == 0 then return end
  local fields = { 'moves', moves_with(id, line) }
  local answer = redis.pcall('HSET', key, unpack(fields))
  if type(answer) ~= 'table' or not answer.err then return end
  if not string.find(answer.err, 'WRONGTYPE', 1, true) then error(answer.err) end
  add_to_json(key, fields[2])
end
