-- Fragment: failures for which the application's hooks have yet to be called, from whoever settled them
-- without being able to: `asok:notices:{queue}`, a sorted set by the time at which a process may take one.
-- push_notice(ns, queue, retry, letter, now): retry: '1' when a retry follows; letter: as a dead letter; now:
--   epoch seconds. The oldest make room beyond a thousand; after a day without a new one they expire.
-- A member: `<times that it was taken> <retry> <letter>`. See take_notice.
local MOST_NOTICES = 1000

local function notices_key(ns, queue) return ns .. ':notices:' .. queue end

local function push_notice(ns, queue, retry, letter, now)
  local key = notices_key(ns, queue)
  -- A key that somebody spoiled costs the notice, and no move of a job.
  if type(redis.pcall('ZADD', key, string.format('%.6f', now), '0 ' .. retry .. ' ' .. letter)) == 'table' then
    return
  end
  local count = redis.call('ZCARD', key)
  if count > MOST_NOTICES then redis.call('ZREMRANGEBYRANK', key, 0, count - MOST_NOTICES - 1) end
  redis.call('EXPIRE', key, 86400)
  if count == 1 then redis.pcall('PUBLISH', ns .. ':wake', 'notice') end
end
