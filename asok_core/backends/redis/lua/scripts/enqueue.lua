-- needs: time expect record status stats locations
-- New jobs -> pending (queue list, left) or delayed (sorted set); record and counters with them.
-- A queue's key that is not a list is an error before anything is written.
local stamp, now, second = server_time()
local enqueued, coming, lists, taken, due, earliest = {}, {}, {}, {}, nil, nil

-- Whether a job is refused, or there: a producer that lost a reply sends again, and the record shows it.
local function flag_of(id, unique)
  if taken[id] or redis.call('EXISTS', job_key(id)) == 1 then return 1 end
  if unique ~= '' then
    local held = unique_key(unique)
    if taken[held] or redis.call('EXISTS', held) == 1 and not has_ended(holder(unique) or '') then return 0 end
    taken[held] = true
  end
  taken[id] = true
end

for i = jobs_first, jobs_last, NEW_JOB.SIZE do
  local flag = flag_of(ARGV[i + NEW_JOB.id], ARGV[i + NEW_JOB.unique])
  enqueued[#enqueued + 1] = flag or 1
  if not flag then
    local queue, at = ARGV[i + NEW_JOB.queue], ARGV[i + NEW_JOB.due]
    local moment = tonumber(at)
    coming[#coming + 1] = i
    lists[queue] = lists[queue] or {}
    if moment and string.sub(at, 1, 1) == '+' then moment = now + moment end
    if moment and moment > now then
      due = due or {}
      due[i] = moment
      earliest = math.min(earliest or moment, moment)
    else
      table.insert(lists[queue], ARGV[i + NEW_JOB.envelope])
    end
  end
end

-- A single push that fails has written nothing before it.
if #coming > 1 or earliest then
  for queue in pairs(lists) do expect('list', queue_key(queue)) end
  if earliest then expect('zset', delayed_key) end
end
for queue, envelopes in pairs(lists) do
  local list = queue_key(queue)
  if #envelopes > 0 and not pushed('LPUSH', list, unpack(envelopes)) then expect('list', list) end
  note_queue(queue)
end

for _, i in ipairs(coming) do
  local id, queue, unique = ARGV[i + NEW_JOB.id], ARGV[i + NEW_JOB.queue], ARGV[i + NEW_JOB.unique]
  local status, wait = 'pending', nil
  if due and due[i] then
    redis.call('ZADD', delayed_key, string.format('%.6f', due[i]), ARGV[i + NEW_JOB.envelope])
    status, wait = 'scheduled', due[i] - now
  end
  if unique ~= '' then hold_unique(unique, id, wait) end
  write_record(id, { 'status', status, 'function', ARGV[i + NEW_JOB.task], 'queue', queue, 'ts', stamp,
    'enqueued_at', stamp, 'retry_count', '0', 'retries', ARGV[i + NEW_JOB.retries] }, wait, nil, records)
  tally(queue, 'enqueued', 1)
end
if earliest then redis.pcall('PUBLISH', wake_key, string.format('due %.6f', earliest)) end
write_tally(second)
return reply { enqueued = enqueued, server_time = stamp }
