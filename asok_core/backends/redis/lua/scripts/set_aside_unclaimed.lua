-- needs: full list_range time stats locations set_aside
-- Set aside what is oversized among some of the jobs that wait where no worker claims: pending or delayed ->
--   asok:oversized:{SHA-1}, with a dead job instead of it (see set_aside.lua).
local STEP = 16
local key = queue == '' and delayed_key or queue_key(queue)
local _, now, second = server_time()
local at, last, aside = passed, passed + count - 1, {}

if redis.call('TYPE', key).ok ~= (queue == '' and 'zset' or 'list') then return aside end
if queue ~= '' then
  -- This is fast also for a million jobs, and usually shows that no element can be oversized.
  local bytes = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 0)
  if type(bytes) == 'number' and bytes <= largest then return aside end
end

while at <= last do
  local to, gone = math.min(last, at + STEP - 1), 0
  local seen
  if queue == '' then seen = redis.call('ZRANGE', key, at, to) else seen = list_range(key, -to - 1, -at - 1) end
  if #seen == 0 then break end
  for _, item in ipairs(seen) do
    local sha1 = #item > largest and set_aside(queue == '' and 'default' or queue, item, largest, now, function()
      if queue == '' then redis.call('ZREM', key, item) else redis.call('LREM', key, -1, item) end
    end)
    if sha1 then
      local n = #aside
      aside[n + 1], aside[n + 2], aside[n + 3] = 1, #item, sha1
      gone = gone + 1
    end
  end
  at, last = to + 1 - gone, last - gone
end
write_recent()
write_tally(second)
return aside
