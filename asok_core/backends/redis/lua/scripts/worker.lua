-- Reads the hash of a worker and what its processes hold. Writes nothing.
-- needs: alias outline processes
-- ARGV  namespace, worker, whole, most (items of one active list to send), field names ...
--       among the fields are `queues` (names with commas between), `processes` and `slots`
--       (NUMBER:SLOTS of each process, with commas between)
-- Reply {{field values}, {process, queue, length, {size, text, rest, SHA-1, ...}, ...}, {key, ...}}, of the
--       active lists that hold anything; items as in outline.lua. The keys are those of the hash and of some
--       active lists that are of another type: these cannot be read.
local ns, worker, whole, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local MOST_LISTS, MOST_BYTES = 4096, 2097152
local MOST_UNREADABLE = 10
local values, named, unreadable = {}, {}, {}

local function note_unreadable(key, reply)
  if #unreadable < MOST_UNREADABLE and string.find(reply.err, 'WRONGTYPE', 1, true) then
    unreadable[#unreadable + 1] = key
  end
end

local hash = ns .. ':worker:' .. worker
local fields = redis.pcall('HMGET', hash, unpack(ARGV, 5))
if fields.err then
  note_unreadable(hash, fields)
else
  for i = 1, #ARGV - 4 do
    values[i] = fields[i] and string.sub(fields[i], 1, 65536)
    named[ARGV[i + 4]] = values[i]
  end
end

local held, lists, bytes = {}, 0, 0
local numbers = process_numbers(named.slots, named.processes, 1, 256)
for queue in string.gmatch(named.queues or '', '[^,]+') do
  for _, n in ipairs(numbers) do
    lists = lists + 1
    if lists > MOST_LISTS then return { values, held, unreadable } end
    local key = string.format('%s:active:%s.%d:%s', ns, worker, n, queue)
    local length = redis.pcall('LLEN', key)
    if type(length) == 'table' then
      note_unreadable(key, length)
    elseif length > 0 then
      local items = {}
      for i = 0, math.min(most, length) - 1 do
        if bytes > MOST_BYTES then break end
        local item = redis.call('LINDEX', key, i)
        bytes = bytes + outline(items, item, whole)
      end
      for _, part in ipairs({ string.format('%s.%d', worker, n), queue, length, items }) do
        held[#held + 1] = part
      end
    end
  end
end
return { values, held, unreadable }
