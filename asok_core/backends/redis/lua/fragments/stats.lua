-- Fragment (put before a script that says `needs: stats`).
-- tally(queue, field, n): add to a queue's counters, in memory.
-- write_tally(ns, seconds): write them to the 10 s bucket (kept 1 h) and the minute bucket (24 h).
-- `asok:stats:{queue}:s{epoch}` and `asok:stats:{queue}:m{epoch}`, epoch being the bucket's start.
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

local function write_tally(ns, seconds)
  for queue, fields in pairs(tallies) do
    local base = ns .. ':stats:' .. queue
    add_to(base .. ':s' .. seconds - seconds % 10, fields, 3600)
    add_to(base .. ':m' .. seconds - seconds % 60, fields, 86400)
  end
end
