-- needs: full time limits
-- Jobs that ended under a limit, or were returned to their queues, are not counted any longer, and as many that wait may start.
--   Of a job that another process has started since, nothing is changed. `next` 1: it was returned, and is the next to start.
local stamp, now = server_time()
local limits = {}
for i = jobs_first, jobs_last, LEFT_LIMIT.SIZE do
  local limit = { bucket = ARGV[i + LEFT_LIMIT.bucket], at_once = tonumber(ARGV[i + LEFT_LIMIT.at_once]),
    interval = tonumber(ARGV[i + LEFT_LIMIT.interval]), burst = tonumber(ARGV[i + LEFT_LIMIT.burst]) }
  local id, running = ARGV[i + LEFT_LIMIT.id], limit_running_key(limit.bucket)
  local holder_of = redis.pcall('HGET', running, id)
  if not wrong_type(holder_of) and holder_of == ARGV[i + LEFT_LIMIT.holder] then
    redis.call('HDEL', running, id)
    if ARGV[i + LEFT_LIMIT.next] == '1' then
      size_of(limit_next_key(limit.bucket))
      redis.call('HSET', limit_next_key(limit.bucket), id, ARGV[i + LEFT_LIMIT.queue])
    end
  end
  limits[limit.bucket] = limit
  note_served(ARGV[i + LEFT_LIMIT.queue])
end
for _, limit in pairs(limits) do
  give_back(limit, now, stamp, MOST_GIVEN_BACK)
  look_again(limit, now)
end
