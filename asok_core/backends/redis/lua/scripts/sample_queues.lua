-- needs: full locations
-- Write how many jobs are pending in the first queues into their slots of this minute (queue_blocks.py), and add those of
--   all to the sum. The last step writes that, as the slot of all queues together: a minute that has it is complete, and
--   no supervisor samples it again. Moves no job.
-- A supervisor that is killed between two steps leaves slots that the next one writes again, and no slot of all.
local HOUR, MINUTE, DEPTH, OF_ALL, MINUTES_TTL, MOST = 3600, 60, 4, 3, 97200, 2 ^ 32 - 2
local char, floor = string.char, math.floor

local now = tonumber(redis.call('TIME')[1])
local minute, hour = now - now % MINUTE, now - now % HOUR
local number = (minute - hour) / MINUTE

local function nothing(held) return reply { second = now, minute = 0, held = held, pending = 0 } end

-- One more than a number of jobs, in four bytes; 0 where it is not known (-1).
local function depth_of(jobs)
  local n = type(jobs) == 'number' and math.min(jobs, MOST) + 1 or 0
  return char(floor(n / 16777216) % 256, floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
end

local function write(key, slot)
  local length = redis.pcall('STRLEN', key)
  if wrong_type(length) then return end
  -- At once as long as it will be: one that grows would be given twice the room.
  if length == 0 then redis.call('SET', key, string.rep('\0', #slot * HOUR / MINUTE), 'EX', MINUTES_TTL) end
  redis.call('SETRANGE', key, number * #slot, slot)
end

-- The minute may end between two steps: the sample of the next one begins again.
if sampled ~= 0 and sampled ~= minute then return nothing(0) end
local size = OF_ALL * DEPTH
local known = redis.pcall('GETRANGE', depths_key(hour), number * size, number * size + size - 1)
if wrong_type(known) or (#known == size and known ~= string.rep('\0', size)) then return nothing(0) end
local sampler = redis.pcall('GET', sampling_key)
if type(sampler) == 'string' and sampler ~= supervisor then
  local left = redis.call('PTTL', sampling_key)
  -- The clock may have been set back: no step is announced for longer.
  if left > 0 and left <= claim then return nothing(1) end
end
redis.call('SET', sampling_key, supervisor, 'PX', claim)

for i = queues_first, queues_last do
  local length = redis.pcall('LLEN', queue_key(ARGV[i]))
  -- What is not a list stays not known.
  if not wrong_type(length) then
    if pending >= 0 then pending = pending + length end
    if i < queues_first + own then write(queue_depths_key(ARGV[i], hour), depth_of(length)) end
  end
end
if ends then
  local delayed, dead = redis.pcall('ZCARD', delayed_key), redis.pcall('LLEN', dead_key)
  if wrong_type(delayed) then delayed = nil end
  if wrong_type(dead) then dead = nil end
  write(depths_key(hour), depth_of(pending) .. depth_of(delayed) .. depth_of(dead))
  redis.call('DEL', sampling_key)
end
return reply { second = now, minute = minute, held = 0, pending = pending }
