-- needs: time expect record status stats locations
-- enqueue: new jobs -> pending (queue list, left) or delayed (sorted set); record and counters with them.
-- ARGV: ns, form of the records ('hash' or 'framework', see record.lua), then per job: id, queue, envelope, due (epoch seconds, '+' and seconds from now, or ''),
--   unique key or '', function, retries
-- Reply: per job 1 (enqueued, now or by an earlier call with the same id) or 0 (its unique key is taken),
--   and then the server's time (epoch seconds).
-- A queue's key that is no list is an error before anything is written.
local ns = ARGV[1]
local stamp, now, second = server_time()
local replies, coming, lists, taken, due, earliest = {}, {}, {}, {}, nil, nil

-- Whether a job is to go in: a producer that lost a reply sends again, and the record tells that it is in.
local function reply_for(id, unique)
  if taken[id] or redis.call('EXISTS', ns .. ':job:' .. id) == 1 then return 1 end
  if unique ~= '' then
    local held = ns .. ':unique:' .. unique
    if taken[held] or redis.call('EXISTS', held) == 1 and not has_ended(ns, holder(ns, unique) or '') then return 0 end
    taken[held] = true
  end
  taken[id] = true
end

for i = 3, #ARGV, 7 do
  local reply = reply_for(ARGV[i], ARGV[i + 4])
  replies[#replies + 1] = reply or 1
  if not reply then
    local queue, moment = ARGV[i + 1], tonumber(ARGV[i + 3])
    coming[#coming + 1] = i
    lists[queue] = lists[queue] or {}
    if moment and string.sub(ARGV[i + 3], 1, 1) == '+' then moment = now + moment end
    if moment and moment > now then
      due = due or {}
      due[i] = moment
      earliest = math.min(earliest or moment, moment)
    else
      table.insert(lists[queue], ARGV[i + 2])
    end
  end
end

-- A single push that fails has written nothing before it.
if #coming > 1 or earliest then
  for queue in pairs(lists) do expect('list', pending_key(ns, queue)) end
  if earliest then expect('zset', ns .. ':delayed_tasks') end
end
for queue, envelopes in pairs(lists) do
  local list = pending_key(ns, queue)
  if #envelopes > 0 and not pushed('LPUSH', list, unpack(envelopes)) then expect('list', list) end
  note_queue(ns, queue)
end

for _, i in ipairs(coming) do
  local id, queue, unique = ARGV[i], ARGV[i + 1], ARGV[i + 4]
  local status, wait = 'pending', nil
  if due and due[i] then
    redis.call('ZADD', ns .. ':delayed_tasks', string.format('%.6f', due[i]), ARGV[i + 2])
    status, wait = 'scheduled', due[i] - now
  end
  if unique ~= '' then hold_unique(ns, unique, id, wait) end
  write_record(ns, id, { 'status', status, 'function', ARGV[i + 5], 'queue', queue, 'ts', stamp,
    'enqueued_at', stamp, 'retry_count', '0', 'retries', ARGV[i + 6] }, wait, nil, ARGV[2])
  tally(queue, 'enqueued', 1)
end
if earliest then redis.pcall('PUBLISH', ns .. ':wake', string.format('due %.6f', earliest)) end
write_tally(ns, second)
replies[#replies + 1] = stamp
return replies
