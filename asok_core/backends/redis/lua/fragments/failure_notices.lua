-- Failures for which the application's hooks have yet to be called, from a caller that settled them
-- and cannot do so: `asok:notices:{queue}`, a sorted set by the time at which a process may take one.
-- push_notice(queue, retry, dead_job, now): retry: '1' when a retry follows; dead_job: as a dead job has it; now:
--   epoch seconds. The oldest make room beyond a thousand; without a new one they expire after NOTICES_TTL.
-- A member: `<times that it was taken> <retry> <dead job>`. See take_failure.
local MOST_NOTICES = 1000

local function push_notice(queue, retry, dead_job, now)
  local key = notices_key(queue)
  -- A key of another type costs the notice, and no move of a job.
  if type(redis.pcall('ZADD', key, string.format('%.6f', now), '0 ' .. retry .. ' ' .. dead_job)) == 'table' then
    return
  end
  local count = redis.call('ZCARD', key)
  if count > MOST_NOTICES then redis.call('ZREMRANGEBYRANK', key, 0, count - MOST_NOTICES - 1) end
  redis.call('EXPIRE', key, NOTICES_TTL)
  if count == 1 then redis.pcall('PUBLISH', wake_key, 'notice') end
end
