-- needs: record stats places
-- enqueue: new jobs -> pending (queue list, left) or delayed (sorted set); record and counters with them.
-- ARGV: ns, then per job: id, queue, envelope, due (epoch seconds or ''), unique key or '', function, retries
-- Reply: list of 1 (enqueued, now or by an earlier call with the same id) or 0 (its unique key is taken).
-- A queue's key that is no list is an error before anything is written.
local ns = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
local replies = {}

local function expect(kind, key)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    error('WRONGTYPE ' .. key .. ' is a ' .. found .. ' and should be a ' .. kind)
  end
end

local function enqueue(id, queue, envelope, due, unique, task, retries)
  local record = ns .. ':job:' .. id
  -- A producer that lost a reply sends again: the record tells that the job is in already.
  if redis.call('EXISTS', record) == 1 then return 1 end
  local delay = due == '' and 0 or math.max(0, tonumber(due) - now)
  -- Redis refuses a TTL beyond what its clock can hold: ten years are for ever here.
  local ttl = math.ceil(RECORD_TTL + math.min(delay, 315360000))
  local held = ns .. ':unique:' .. unique
  if unique ~= '' and redis.call('EXISTS', held) == 1 then return 0 end
  if delay > 0 then
    redis.call('ZADD', ns .. ':delayed_tasks', due, envelope)
    redis.pcall('PUBLISH', ns .. ':wake', 'due ' .. due)
  else
    local list = pending_key(ns, queue)
    if not pushed('LPUSH', list, envelope) then expect('list', list) end
  end
  if unique ~= '' then redis.call('SET', held, id, 'EX', ttl) end
  write_record(ns, id, { 'status', delay > 0 and 'scheduled' or 'pending', 'function', task,
    'queue', queue, 'ts', stamp, 'enqueued_at', stamp, 'retry_count', '0', 'retries', retries })
  if delay > 0 then redis.call('EXPIRE', record, ttl) end
  note_queue(ns, queue)
  tally(queue, 'enqueued', 1)
  return 1
end

-- A single job that is not delayed is pushed before anything else is written.
local alone = #ARGV == 8 and ARGV[5] == ''
local expected = {}
for i = 2, alone and 1 or #ARGV, 7 do
  local queue = ARGV[i + 1]
  if not expected[queue] then expect('list', pending_key(ns, queue)) end
  expected[queue] = true
  if ARGV[i + 3] ~= '' and not expected[true] then
    expect('zset', ns .. ':delayed_tasks')
    expected[true] = true
  end
end

for i = 2, #ARGV, 7 do
  replies[#replies + 1] = enqueue(unpack(ARGV, i, i + 6))
end
write_tally(ns, tonumber(time[1]))
return replies
