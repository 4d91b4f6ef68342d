-- needs: full
-- due: look at the delayed jobs whose time has come, and be the one that promotes them. Moves nothing; promote
--   does. `asok:promoting` names the supervisor that does it for so many ms more, so that the others leave it
--   to that one; it is gone when nothing is due any more. That is no lock: each job is moved once all the same.
-- ARGV: ns, supervisor, ms, how many jobs at most, bytes after which none is added, how many to pass over
-- Reply: { server time (epoch seconds), { envelope, ... }, due time of the first (or ''), 1 another promotes }
local ns, supervisor, ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local count, most, at = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local delayed, promoting = ns .. ':delayed_tasks', ns .. ':promoting'
local time = redis.call('TIME')
local now = string.format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
local holder = redis.pcall('GET', promoting)

local due, bytes, step = {}, 0, 1
if first and tonumber(first) <= tonumber(now) then
  local left = redis.call('PTTL', promoting)
  -- The clock may have been set back: no promotion takes longer than it was announced for.
  if type(holder) == 'string' and holder ~= supervisor and left > 0 and left <= ms then
    return { now, due, first, 1 }
  end
  redis.call('SET', promoting, supervisor, 'PX', ms)
  repeat
    local seen = redis.call('ZRANGE', delayed, at, at + step - 1, 'WITHSCORES')
    for i = 1, #seen, 2 do
      if tonumber(seen[i + 1]) > tonumber(now) then break end
      due[#due + 1] = seen[i]
      bytes = bytes + #seen[i]
    end
    local whole = #seen == 2 * step and tonumber(seen[#seen]) <= tonumber(now)
    at = at + step
    -- As many as there is room for, if they are like those before, and few: they may be large.
    step = math.max(1, math.min(16, count - #due, math.floor((most - bytes) * #due / math.max(bytes, 1))))
  until not whole or #due >= count or bytes >= most
end
if #due == 0 and holder == supervisor then redis.call('DEL', promoting) end
return { now, due, first or '', 0 }
