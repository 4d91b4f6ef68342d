-- needs: full time record status head_id stats locations failure_notices guard set_aside
-- held: look at what a process holds; what is oversized of it is set aside: active -> asok:oversized:{SHA-1}, with
--   a dead job in its place (see set_aside.lua). The rest stays where it is.
-- ARGV: ns, process, guard, by (see guard.lua), bytes up to which an element is an envelope, 1 to get the rest or
--   0, queues ...
-- Reply: { 1 where the lease of `guard` forbids it, else 0; set aside { queue index, size, SHA-1, ... };
--   the rest { queue index, envelope, ... newest first }, without what could not be set aside }. Where anything was
--   set aside there may be more: ask again.
local ns, process, largest = ARGV[1], ARGV[2], tonumber(ARGV[5])
local STEP = 16
local _, now, second = server_time()
local aside, rest = {}, {}
if is_guarded(ns, ARGV[3], ARGV[4], now) then return { 1, aside, rest } end

local function look(i, queue)
  local active, at, out = active_key(ns, process, queue), 0, #rest
  while true do
    -- A few at a time, for any of them may be large.
    local seen = redis.pcall('LRANGE', active, at, at + STEP - 1)
    if wrong_type(seen) then return end
    local gone = 0
    for _, item in ipairs(seen) do
      if #item > largest then
        local sha1 = set_aside(ns, queue, item, largest, now, function() redis.call('LREM', active, 1, item) end)
        if sha1 then
          local n = #aside
          aside[n + 1], aside[n + 2], aside[n + 3] = i, #item, sha1
          gone = gone + 1
        end
      elseif ARGV[6] == '1' then
        rest[out + 1], rest[out + 2] = i, item
        out = out + 2
      end
    end
    if #seen < STEP then return end
    at = at + STEP - gone
  end
end

for i = 7, #ARGV do look(i - 6, ARGV[i]) end
write_recent(ns)
write_tally(ns, second)
return { 0, aside, rest }
