-- needs: full time record status head_id stats locations failure_notices set_aside
-- due: look at the delayed jobs whose time has come, and be the one that promotes them; promote moves them.
--   What is oversized of them, or is the first of all, is set aside (see set_aside.lua): delayed ->
--   asok:oversized:{SHA-1}, with a dead job in its place.
-- `asok:promoting` names the supervisor that promotes for so many ms more, so that the others leave it to that
-- one; it is absent when nothing is due. It is not a lock: each job is moved once in any case.
-- ARGV: ns, supervisor, ms, how many jobs at most, bytes after which none is added, how many to pass over,
--   bytes up to which a member is an envelope
-- Reply: { server time (epoch seconds), { envelope, ... }, due time of the first (or ''), 1 another promotes,
--   set aside { 1, size, SHA-1, ... } }
local ns, supervisor, ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local count, most, at, largest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local delayed, promoting = ns .. ':delayed_tasks', ns .. ':promoting'
local now, _, second = server_time()
local aside, stuck = {}, false

local function put_aside(member)
  local function remove() redis.call('ZREM', delayed, member) end
  local sha1 = set_aside(ns, 'default', member, largest, tonumber(now), remove)
  local n = #aside
  if sha1 then aside[n + 1], aside[n + 2], aside[n + 3] = 1, #member, sha1 end
  stuck = stuck or not (sha1 or has_done_enough())
  return sha1
end

local member, first
repeat
  -- The first is read every time, so an oversized one must not stay there until it is due.
  member, first = unpack(redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES'))
until not member or #member <= largest or not put_aside(member)
if has_done_enough() then
  write_recent(ns)
  write_tally(ns, second)
  return { now, {}, now, 0, aside }
end
local holder = redis.pcall('GET', promoting)

local due, bytes, step = {}, 0, 1
if first and tonumber(first) <= tonumber(now) then
  local left = redis.call('PTTL', promoting)
  -- The clock may have been set back: no promotion takes longer than it was announced for.
  if type(holder) == 'string' and holder ~= supervisor and left > 0 and left <= ms then
    write_recent(ns)
    write_tally(ns, second)
    return { now, due, first, 1, aside }
  end
  redis.call('SET', promoting, supervisor, 'PX', ms)
  repeat
    local seen = redis.call('ZRANGE', delayed, at, at + step - 1, 'WITHSCORES')
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
    at = at + step - gone
    -- As many as there is room for, if they are like those before, and few: they may be large.
    step = math.max(1, math.min(16, count - #due, math.floor((most - bytes) * #due / math.max(bytes, 1))))
  until not whole or #due >= count or bytes >= most or has_done_enough()
end
if #due == 0 and holder == supervisor then redis.call('DEL', promoting) end
-- What cannot be set aside is passed over: nothing is due because of it.
if stuck and #due == 0 then first = nil end
write_recent(ns)
write_tally(ns, second)
return { now, due, first or '', 0, aside }
