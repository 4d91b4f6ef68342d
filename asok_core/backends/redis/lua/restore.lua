-- needs: full record status places audit
-- restore: trash -> where it was: dead letters (each beside its neighbours), pending (consuming end) or
--   delayed (its due time); the record follows, the unique key is taken again. Newest first, one batch.
-- ARGV: ns, op, about, counts (audit), undone operation, place ('dead', 'pending' or 'delayed'), form of
--   the records (see record.lua), then each in the order of the trash: SHA-1, id, queue, function, unique
-- Reply: per element 1 restored; 0 someone else was faster (it and all after it); 2 the place is of
--   another type; 3 its unique key is held by another job (2 and 3 stay in the trash)
local ns, op, place = ARGV[1], ARGV[2], ARGV[6]
local trash = ns .. ':trash:' .. ARGV[5]
local ats, dead = trash .. ':at', ns .. ':dlq'
expect_audit(ns, op)
local time = redis.call('TIME')
local now = tonumber(time[1])
local stamp = string.format('%d.%06d', now, tonumber(time[2]))

local function bury_again(letter, older)
  local pivot = older and older > 0 and redis.call('LINDEX', dead, -older)
  if pivot then return pushed('LINSERT', dead, 'BEFORE', pivot, letter) end
  return pushed(older == 0 and 'RPUSH' or 'LPUSH', dead, letter)
end

local function put_back(element, at, id, queue, task, unique)
  local held_by = unique ~= '' and holder(ns, unique)
  if place == 'dead' then return bury_again(element, tonumber(at)) and 1 or 2 end
  if held_by and held_by ~= id and not has_ended(ns, held_by) then return 3 end
  local status = 'pending'
  if place == 'delayed' then
    status = 'scheduled'
    if not pushed('ZADD', ns .. ':delayed_tasks', at, element) then return 2 end
  elseif not pushed('RPUSH', pending_key(ns, queue), element) then
    return 2
  end
  local wait = place == 'delayed' and tonumber(at) - now or nil
  hold_unique(ns, unique, id, wait)
  write_record(ns, id, { 'status', status, 'ts', stamp, 'queue', queue, 'function', task }, wait,
    { 'finished_at' }, ARGV[7])
  return 1
end

local REASONS = { [2] = 'its place is of another type', [3] = 'its unique key is held by another job' }
local replies, applied, refused = {}, 0, {}
for i = 8, #ARGV, 5 do
  local element = redis.call('LINDEX', trash, 0)
  local reply = 0
  if element and redis.sha1hex(element) == ARGV[i] then
    local at = redis.call('LINDEX', ats, 0)
    reply = put_back(element, at, unpack(ARGV, i + 1, i + 4))
    if reply == 1 then
      redis.call('LPOP', trash)
      redis.call('LPOP', ats)
      applied = applied + 1
    else
      redis.call('LMOVE', trash, trash, 'LEFT', 'RIGHT')
      if at then redis.call('LMOVE', ats, ats, 'LEFT', 'RIGHT') end
      refused[REASONS[reply]] = (refused[REASONS[reply]] or 0) + 1
    end
  end
  replies[#replies + 1] = reply
  if reply == 0 then break end
end
note(ns, op, ARGV[3], ARGV[4], applied, refused, 'running')
return replies
