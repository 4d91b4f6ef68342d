-- due: look at the delayed jobs whose time has come. Moves nothing; promote does.
-- ARGV: ns, how many at most, how many to pass over
-- Reply: { server time (epoch seconds), { envelope, ... }, due time of the first (or '') }
local ns = ARGV[1]
local time = redis.call('TIME')
local now = string.format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
local first = redis.call('ZRANGE', ns .. ':delayed_tasks', 0, 0, 'WITHSCORES')
local due = {}
if first[2] and tonumber(first[2]) <= tonumber(now) then
  due = redis.call('ZRANGEBYSCORE', ns .. ':delayed_tasks', '-inf', now, 'LIMIT', ARGV[3], ARGV[2])
end
return { now, due, first[2] or '' }
