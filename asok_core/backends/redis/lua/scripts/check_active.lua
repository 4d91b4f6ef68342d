-- needs: full time stats locations guard set_aside
-- What a process holds; what is oversized of it is set aside: active -> asok:oversized:{SHA-1}, with a dead job
--   instead of it (see set_aside.lua). The rest stays where it is.
local STEP = 16
local _, now, second = server_time()
local aside, rest = {}, {}
if is_guarded(guard, by, now) then return reply { guarded = 1, aside = aside, rest = rest } end

local function check(i, queue)
  local active, at, out = active_key(process, queue), 0, #rest
  while true do
    -- A few at a time, for any of them may be large.
    local seen = redis.pcall('LRANGE', active, at, at + STEP - 1)
    if wrong_type(seen) then return end
    local gone = 0
    for _, item in ipairs(seen) do
      if #item > largest then
        local sha1 = set_aside(queue, item, largest, now, function() redis.call('LREM', active, 1, item) end)
        if sha1 then
          local n = #aside
          aside[n + 1], aside[n + 2], aside[n + 3] = i, #item, sha1
          gone = gone + 1
        end
      elseif with_rest then
        rest[out + 1], rest[out + 2] = i, item
        out = out + 2
      end
    end
    if #seen < STEP then return end
    at = at + STEP - gone
  end
end

for i = queues_first, queues_last do check(i - queues_first + 1, ARGV[i]) end
write_recent()
write_tally(second)
return reply { guarded = 0, aside = aside, rest = rest }
