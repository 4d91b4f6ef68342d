-- needs: full locations
-- A worker takes or renews its lease and publishes its fields. Moves no job.
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

if machine ~= '' then
  local beside = machine_key(machine)
  -- A key of another type costs the proof of deaths, and no heartbeat.
  if type(redis.pcall('SADD', beside, worker)) ~= 'table' then redis.call('EXPIRE', beside, ttl) end
end
local asked = redis.pcall('LRANGE', stacks_key(worker), 0, -1)
if #asked > 0 or asked.err then redis.call('DEL', stacks_key(worker)) end
local cancels = redis.pcall('SRANDMEMBER', cancels_key(worker), 1000)
return reply {
  whole = whole,
  server_time = now,
  requested = redis.call('HGET', key, 'wanted') or '',
  cancels = cancels.err and {} or cancels,
  asked = asked.err and {} or asked
}
