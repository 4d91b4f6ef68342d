-- needs: event finite
-- A worker whose lease is over, and which others recover.
-- note_lost(worker, by): the event that it is lost, once: its hash shows that there was one. A list that no lease
--   covers is of a worker that was recovered before, or whose lease was deleted: nothing is known of it.
-- count_recovered(worker, returned, dead): add to what was recovered of it, by any worker.
-- note_recovered(worker, by): the event that all of it is. Called before the lease is removed.
local function note_lost(worker, by)
  local key, lease = worker_key(worker), finite(redis.call('ZSCORE', workers_key, worker) or nil)
  if not lease or redis.pcall('HGET', key, 'lost') then return end
  redis.call('HSET', key, 'lost', 1)
  redis.call('EXPIRE', key, WORKER_TTL)
  local proved = lease <= 0
  add_event('worker_lost', {
    'worker', worker, 'host', redis.call('HGET', key, 'host'), 'by', by,
    'reason', proved and 'no process of it is left' or 'its lease expired',
    'queues', redis.call('HGET', key, 'queues'), 'beat_at', redis.call('HGET', key, 'beat_at')
  })
end

local function count_recovered(worker, returned, dead)
  local key = worker_key(worker)
  if type(redis.pcall('HGET', key, 'lost')) ~= 'string' then return end
  redis.pcall('HINCRBY', key, 'lost_returned', returned)
  redis.pcall('HINCRBY', key, 'lost_dead', dead)
end

local function note_recovered(worker, by)
  local found = redis.pcall('HMGET', worker_key(worker), 'lost_returned', 'lost_dead')
  add_event('worker_recovered', {
    'worker', worker, 'by', by, 'returned', finite(found[1]) or 0, 'dead', finite(found[2]) or 0
  })
end
