-- tally(queue, field, n): add to a queue's counters, in memory.
-- write_tally(seconds): write them to the fine and the coarse bucket of that moment (epoch seconds).
-- octave(ms): quarter octaves of a millisecond: field run_b7 counts runs of up to 2^(7/4) ms.
local tallies = {}

local function tally(queue, field, n)
  if n == 0 then return end
  local fields = tallies[queue]
  if not fields then
    fields = {}
    tallies[queue] = fields
  end
  fields[field] = (fields[field] or 0) + n
end

local function add_to(key, fields, ttl)
  local fresh = false
  for field, n in pairs(fields) do
    -- A key of another type costs the counts, never the job. A field that was not there may mean that
    -- nothing was.
    if redis.pcall('HINCRBY', key, field, n) == n then fresh = true end
  end
  if fresh then redis.call('EXPIRE', key, ttl) end
end

local function write_tally(seconds)
  local fine, coarse = seconds - seconds % FINE, seconds - seconds % COARSE
  for queue, fields in pairs(tallies) do
    add_to(fine_key(queue, fine), fields, FINE_TTL)
    add_to(coarse_key(queue, coarse), fields, COARSE_TTL)
  end
end

local function octave(ms) return ms > 1 and math.ceil(math.log(ms) * 5.770780163555854) or 0 end
