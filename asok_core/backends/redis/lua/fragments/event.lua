-- needs: finite
-- What changed, in `asok:events`: written by the script that makes the change, so that there are both or neither.
-- add_event(kind, fields, at): append an entry with kind, at, and `fields` (name, value, ...). `at` is epoch
--   seconds as text, nil for now. The id does not replace it: after the clock was set back, ids continue from the latest.
-- The stream is bounded by length and age, as the last heartbeat has published it (`asok:server`), and expires
--   when nothing has changed for that age. Where its key is of another type, or the user may not write it, the event
--   is lost, and the change made; the length alone bounds it where the user may not trim it (ACL of a former release).
local function event_bounds()
  local found = redis.pcall('HMGET', server_key, 'events_max', 'events_age')
  local most = math.floor(finite(found[1]) or EVENTS_LENGTH)
  local age = math.floor(finite(found[2]) or EVENTS_AGE)
  return math.max(FEWEST_EVENTS, math.min(most, 1e6)), math.max(SHORTEST_EVENTS_AGE, math.min(age, LONGEST_WAIT))
end

local function add_event(kind, fields, at)
  local most, age = event_bounds()
  local time = redis.call('TIME')
  local entry = { 'kind', kind, 'at', at or string.format('%d.%03d', tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)) }
  for i = 1, #fields, 2 do
    local value = tostring(fields[i + 1] or '')
    if value ~= '' then
      entry[#entry + 1], entry[#entry + 2] = fields[i], string.sub(value, 1, EVENT_TEXT)
    end
  end
  local added = redis.pcall('XADD', events_key, 'MAXLEN', most, '*', unpack(entry))
  if type(added) == 'table' and added.err then return end
  redis.pcall('XTRIM', events_key, 'MINID', string.format('%d', math.max(0, tonumber(time[1]) - age) * 1000))
  redis.call('EXPIRE', events_key, age)
end
