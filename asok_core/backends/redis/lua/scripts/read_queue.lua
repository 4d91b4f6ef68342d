-- needs: outline buckets
-- The length of one queue, some of its jobs and its newest counters. Writes nothing.
-- No job is sent where the digest is `known`; jobs of which one has more than `whole` bytes have the digest ''.
local length, digest, jobs, sample = redis.pcall('LLEN', elements), '', {}, {}
if type(length) == 'table' then
  if not string.find(length.err, 'WRONGTYPE', 1, true) then return length end
  length = -1
else
  local small = true
  for i = indexes_first, indexes_last do
    local item = redis.call('LINDEX', elements, ARGV[i])
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
return reply {
  length = length, digest = digest, sample = sample, buckets = read_buckets(queue, true, first, last)
}
