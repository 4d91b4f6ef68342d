-- needs: full locations record status finite event server_event
-- A worker takes or renews its lease, publishes its fields, and reports what changed. Moves no job. The record of a
-- running job that was cancelled says from now on that its worker has the request.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local former = redis.call('ZSCORE', workers_key, worker)
local whole = (former and tonumber(former) > now) and 1 or 0
redis.call('ZADD', workers_key, now + lease, worker)
for i = queues_first, queues_last do redis.pcall('SADD', queues_key, ARGV[i]) end
local key = worker_key(worker)
local published = { 'beat_at', string.format('%.3f', now / 1000), 'lease', lease }
for i = fields_first, fields_last, PUBLISHED_FIELD.SIZE do
  local n = #published
  published[n + 1], published[n + 2] = ARGV[i + PUBLISHED_FIELD.name], ARGV[i + PUBLISHED_FIELD.value]
end
if not pushed('HSET', key, unpack(published)) then
  -- The key is this worker's own: a key of another type must not hide the worker.
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(published))
end
redis.call('EXPIRE', key, ttl)

-- What changed since the last heartbeat. Its bounds are published first.
local run = see_server(ask_server, known_server, last_seen / 1000, now / 1000)
if pushed('HSET', server_key, 'seen_at', string.format('%.3f', now / 1000), 'events_max', events_max,
    'events_age', events_age) then
  redis.call('EXPIRE', server_key, SERVER_TTL)
end
note_memory()
if whole == 0 then
  local known = redis.call('HMGET', key, 'host', 'version', 'release', 'queues', 'slots')
  local about = { 'worker', worker, 'host', known[1], 'version', known[2], 'release', known[3], 'queues', known[4], 'slots', known[5] }
  if not former and first then
    add_event('worker_started', about)
    note_release(known[3] or '', known[4] or '', worker)
  elseif not former or redis.call('HGET', key, 'lost') then
    add_event('worker_returned', about)
  end
  redis.call('HDEL', key, 'lost', 'lost_returned', 'lost_dead')
end
local reported = finite(redis.call('HGET', key, 'reported') or nil) or 0
for i = events_first, events_last, NEW_EVENT.SIZE do
  -- A heartbeat whose reply was lost is sent again with the same events.
  local number = tonumber(ARGV[i + NEW_EVENT.number])
  if number > reported then
    local at = (now - tonumber(ARGV[i + NEW_EVENT.age])) / 1000
    add_event(ARGV[i + NEW_EVENT.kind], cjson.decode(ARGV[i + NEW_EVENT.fields]), string.format('%.3f', at))
    redis.call('HSET', key, 'reported', string.format('%d', number))
  end
end

if machine ~= '' then
  local beside = machine_key(machine)
  -- A key of another type costs the proof of deaths, and no heartbeat.
  if type(redis.pcall('SADD', beside, worker)) ~= 'table' then redis.call('EXPIRE', beside, ttl) end
end
local asked = redis.pcall('LRANGE', stacks_key(worker), 0, -1)
if #asked > 0 or asked.err then redis.call('DEL', stacks_key(worker)) end
local cancels = redis.pcall('SRANDMEMBER', cancels_key(worker), 1000)
local ends = redis.pcall('HGETALL', ends_key(worker))
if ends.err then ends = {} end
local left = {}
for i = 1, #ends, 2 do
  local id = ends[i]
  -- However a cancelled job leaves its process, it ends.
  if not is_cancelled(id) or has_ended(id) then
    redis.call('HDEL', ends_key(worker), id)
  else
    if record_text(id, 'cancel_taken') == '' then
      redis.pcall('HSET', job_key(id), 'cancel_taken', string.format('%.3f', now / 1000))
    end
    left[#left + 1], left[#left + 2] = id, ends[i + 1]
  end
end
-- A wait of days must not end with the key.
if #left > 0 then redis.call('EXPIRE', ends_key(worker), CANCELS_TTL) end
local generation = redis.pcall('HGET', holds_key, 'generation')
local command = redis.call('HGET', key, 'wanted') or ''
local of, by = string.match(redis.call('HGET', key, 'requested_by') or '', '^(%S*) (.*)$')
-- A part of the names could be others: what is too long is sent as what is invalid.
local queues = redis.call('HGET', key, 'ordered_queues') or ''
return reply {
  whole = whole,
  server_time = now,
  server = run,
  requested = command,
  requested_by = of == command and by or '',
  concurrency = string.sub(redis.call('HGET', key, 'ordered_concurrency') or '', 1, 20),
  queues = #queues > LONGEST_ORDER and ',' or queues,
  shaped_by = redis.call('HGET', key, 'ordered_by') or '',
  cancels = cancels.err and {} or cancels,
  asked = asked.err and {} or asked,
  ends = left,
  holds = type(generation) == 'string' and string.sub(generation, 1, 16) or ''
}
