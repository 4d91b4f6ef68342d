-- needs: full time failure_notices alias
-- take_notice: a process takes a notice of a failure (see failure_notices.lua) to call hooks for it. Moves no job.
-- One that is not done after `lease` seconds may be taken by another: its process may have died.
-- ARGV: ns, queue, lease (seconds), #done, members that are done..., members that are left for later...
-- Reply: { the member that was taken or '', seconds until the next may be taken ('': there is none) }
-- A taken member counts one time more; one that is left for later counts as it did before.
local lease, done = tonumber(ARGV[3]), tonumber(ARGV[4])
local key = notices_key(ARGV[1], ARGV[2])
if redis.call('TYPE', key).ok ~= 'zset' then return { '', '' } end
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

for i = 5, 4 + done do redis.call('ZREM', key, ARGV[i]) end
for i = 5 + done, #ARGV do count(ARGV[i], -1) end
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
return { taken, first and string.format('%.6f', math.max(0, tonumber(first) - now)) or '' }
