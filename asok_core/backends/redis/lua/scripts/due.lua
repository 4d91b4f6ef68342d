-- needs: full time stats locations set_aside end_pauses
-- Look at the delayed jobs whose time has come, and be the supervisor that promotes them; promote moves them.
--   What is oversized of them, or is the first of all, is set aside (see set_aside.lua): delayed ->
--   asok:oversized:{SHA-1}, with a dead job instead of it.
-- Pauses that are over end here as well: of all scripts of a supervisor this one runs at the next due time.
-- `asok:promoting` names the supervisor that promotes until the key expires (ms), so that the others leave it to that
-- one; it is absent when nothing is due. It is not a lock: each job is moved once in any case.
local now, time, second = server_time()
local aside, stuck = {}, false

-- Mostly no supervisor promotes and no queue is paused, which one command shows. It comes before anything that fails where the
-- delayed jobs are of another type.
local exist = redis.call('EXISTS', promoting_key, pauses_key)
local promoter = exist > 0 and redis.pcall('GET', promoting_key)
local has_pauses = exist == 2 or (exist == 1 and not promoter)
local pause_ends = has_pauses and end_pauses(time) or nil

local function put_aside(member)
  local function remove() redis.call('ZREM', delayed_key, member) end
  local sha1 = set_aside('default', member, largest, tonumber(now), remove)
  local n = #aside
  if sha1 then aside[n + 1], aside[n + 2], aside[n + 3] = 1, #member, sha1 end
  stuck = stuck or not (sha1 or has_done_enough())
  return sha1
end

local member, first
repeat
  -- The first is read every time, so an oversized one must not stay there until it is due.
  member, first = unpack(redis.call('ZRANGE', delayed_key, 0, 0, 'WITHSCORES'))
until not member or #member <= largest or not put_aside(member)
if has_done_enough() then
  write_recent()
  write_tally(second)
  return reply { server_time = now, due = {}, first = now, another = 0, aside = aside }
end

local due, bytes, step = {}, 0, 1
if first and tonumber(first) <= tonumber(now) then
  local another = type(promoter) == 'string' and promoter ~= supervisor
  local left = another and redis.call('PTTL', promoting_key) or 0
  -- The clock may have been set back: no promotion takes longer than it was announced for.
  if left > 0 and left <= claim then
    write_recent()
    write_tally(second)
    return reply { server_time = now, due = due, first = first, another = 1, aside = aside }
  end
  redis.call('SET', promoting_key, supervisor, 'PX', claim)
  repeat
    local seen = redis.call('ZRANGE', delayed_key, passed, passed + step - 1, 'WITHSCORES')
    local gone = 0
    for i = 1, #seen, 2 do
      local item = seen[i]
      if tonumber(seen[i + 1]) > tonumber(now) then break end
      if #item <= largest then
        due[#due + 1] = item
        bytes = bytes + #item
      elseif put_aside(item) then
        gone = gone + 1
      end
    end
    local whole = #seen == 2 * step and tonumber(seen[#seen]) <= tonumber(now)
    passed = passed + step - gone
    -- As many as there is room for, if they are like those before, and few: they may be large.
    step = math.max(1, math.min(16, count - #due, math.floor((most - bytes) * #due / math.max(bytes, 1))))
  until not whole or #due >= count or bytes >= most or has_done_enough()
end
if #due == 0 and promoter == supervisor then redis.call('DEL', promoting_key) end
-- What cannot be set aside is passed over: nothing is due because of it.
if stuck and #due == 0 then first = nil end
if pause_ends and (not first or pause_ends < tonumber(first)) then first = string.format('%.3f', pause_ends) end
write_recent()
write_tally(second)
return reply { server_time = now, due = due, first = first or '', another = 0, aside = aside }
