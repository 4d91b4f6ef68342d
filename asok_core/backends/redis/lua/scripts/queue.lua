-- Reads the state of one queue: its length, some of its jobs and its newest counters. Writes nothing.
-- needs: alias outline buckets
-- KEYS[1] the pending list
-- ARGV  namespace, queue, whole, first, last (starts of the ten second buckets to read, inclusive), known (the
--       digest of the jobs that the reader has, or ''), then indexes of the jobs to read
-- Reply {length, digest, {size, text, rest, SHA-1, ...} (outline.lua; of each job that is there),
--       {start, {field, value, ...}, ...}}; length -1: not a list. No job is sent where the digest is `known`;
--       jobs of which one has more than `whole` bytes have the digest ''.
local whole, known = tonumber(ARGV[3]), ARGV[6]
local length, digest, jobs, sample = redis.pcall('LLEN', KEYS[1]), '', {}, {}
if type(length) == 'table' then
  if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
  length = -1
else
  local small = true
  for i = 7, #ARGV do
    local item = redis.call('LINDEX', KEYS[1], ARGV[i])
    if item then
      jobs[#jobs + 1] = item
      small = small and #item <= whole
    end
  end
  -- Most queues are as they were a second ago, and a digest takes less than to send the jobs.
  if small then digest = redis.sha1hex(table.concat(jobs, '\n')) end
  if digest == '' or digest ~= known then
    for _, item in ipairs(jobs) do outline(sample, item, whole) end
  end
end
local first, last = tonumber(ARGV[4]), tonumber(ARGV[5])
return { length, digest, sample, read_buckets(ARGV[1], ARGV[2], 's', 10, first, last) }
