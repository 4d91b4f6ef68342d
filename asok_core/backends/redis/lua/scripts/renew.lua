-- needs: full record status locations
-- Records and unique keys of unfinished jobs, which were seen where jobs wait or run, get their
-- whole TTL again. Moves nothing.
-- A job that has finished since it was seen has a final record: that keeps its TTL.
-- What was written in the last minutes (RENEWED_BEFORE) is left as it is.
local renewed = 0

local function renew(key)
  redis.call('EXPIRE', key, UNFINISHED_TTL)
  renewed = renewed + 1
end

local function is_old(key)
  local ttl = redis.call('TTL', key)
  return ttl >= 0 and ttl < UNFINISHED_TTL - RENEWED_BEFORE
end

for i = jobs_first, jobs_last, RENEWED_JOB.SIZE do
  local id, unique = ARGV[i + RENEWED_JOB.id], ARGV[i + RENEWED_JOB.unique]
  local record, held = job_key(id), unique_key(unique)
  if is_old(record) and not has_ended(id) then renew(record) end
  if unique ~= '' and is_old(held) and holder(unique) == id then renew(held) end
end
return renewed
