-- needs: outline processes
-- The hash of a worker and what its processes hold. Writes nothing.
-- Among the fields are `queues` (names with commas between), `processes` and `slots` (NUMBER:SLOTS of each
-- process, with commas between). Unreadable are the keys of the hash and of some active lists of another type.
local MOST_BYTES, MOST_UNREADABLE = 2097152, 10
local values, named, unreadable = {}, {}, {}

local function note_unreadable(key, answer)
  if #unreadable < MOST_UNREADABLE and string.find(answer.err, 'WRONGTYPE', 1, true) then
    unreadable[#unreadable + 1] = key
  end
end

local hash = worker_key(worker)
local published = redis.pcall('HMGET', hash, unpack(ARGV, fields_first, fields_last))
if published.err then
  note_unreadable(hash, published)
else
  for i = 1, #published do
    values[i] = published[i] and string.sub(published[i], 1, 65536)
    named[ARGV[fields_first + i - 1]] = values[i]
  end
end

local held, lists, bytes = {}, 0, 0
local numbers = process_numbers(named.slots, named.processes, 1, 256)
for queue in string.gmatch(named.queues or '', '[^,]+') do
  for _, n in ipairs(numbers) do
    lists = lists + 1
    if lists > MOST_LISTS then return reply { values = values, held = held, unreadable = unreadable } end
    local process = string.format('%s.%d', worker, n)
    local key = active_key(process, queue)
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
      for _, part in ipairs({ process, queue, length, items }) do
        held[#held + 1] = part
      end
    end
  end
end
return reply { values = values, held = held, unreadable = unreadable }
