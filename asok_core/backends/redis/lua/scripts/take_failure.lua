-- needs: full time failure_notices alias
-- A process takes a notice of a failure (see failure_notices.lua) to call hooks for it. Moves no job.
-- One that is not done after `lease` seconds may be taken by another: its process may have died.
-- A taken member counts one time more; one that is left for later counts as it did before.
local key = notices_key(queue)
if redis.call('TYPE', key).ok ~= 'zset' then return reply { notice = '', wait = '' } end
local _, now = server_time()

local function count(member, by)
  local times, rest = string.match(member, '^(%d+)( [01] .*)$')
  if not times or not redis.call('ZSCORE', key, member) then
    redis.call('ZREM', key, member)
    return ''
  end
  local counted = string.format('%d', math.max(0, tonumber(times) + by)) .. rest
  -- Added first: without a member the key would lose its TTL.
  redis.call('ZADD', key, string.format('%.6f', now + lease), counted)
  if counted ~= member then redis.call('ZREM', key, member) end
  return counted
end

for i = done_first, done_last do redis.call('ZREM', key, ARGV[i]) end
for i = left_first, left_last do count(ARGV[i], -1) end

local function next_due()
  return redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.6f', now), 'LIMIT', 0, 1)[1]
    -- The clock may have been set back: none is taken for longer than `lease`.
    or redis.call('ZRANGEBYSCORE', key, string.format('(%.6f', now + lease), '+inf', 'LIMIT', 0, 1)[1]
end

local due = next_due()
-- What is too large to be read is not ours, and moves no job.
while due and #due > MOST_READ do
  redis.call('ZREM', key, due)
  due = next_due()
end
local taken = due and count(due, 1) or ''
local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
return reply {
  notice = taken,
  wait = first and string.format('%.6f', math.max(0, tonumber(first) - now)) or ''
}
