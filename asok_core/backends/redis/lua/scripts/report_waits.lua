-- needs: full time
-- waits: a process says that each of its slots waits for a job, and learns which others say so. Moves no job.
--   `asok:waits` (a minute) holds, per process, the time of the server's clock and what it said.
-- ARGV: ns, process, mark ('': it says so no longer)
-- Reply: { server time (epoch seconds), { process, time .. ' ' .. mark, ... },
--   { worker with a lease, its queues, NUMBER:SLOTS of its processes (or their number), ... } }
local ns, process, mark = ARGV[1], ARGV[2], ARGV[3]
local now = server_time()
local key = ns .. ':waits'
if mark == '' then
  redis.call('HDEL', key, process)
  return { now, {}, {} }
end
redis.call('HSET', key, process, now .. ' ' .. mark)
redis.call('EXPIRE', key, 60)
local workers = {}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', ns .. ':workers', '(' .. tonumber(now) * 1000, '+inf')) do
  local said = redis.pcall('HMGET', ns .. ':worker:' .. worker, 'queues', 'slots', 'processes')
  workers[#workers + 1] = worker
  -- Nothing is known of one whose hash is gone.
  workers[#workers + 1] = said[1] or ''
  workers[#workers + 1] = said[2] or said[3] or ''
end
return { now, redis.call('HGETALL', key), workers }
