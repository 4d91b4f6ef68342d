-- needs: full locations
-- A supervisor takes the next step of the round (see consuming/renewal.py). Moves no job.
local left = redis.call('PTTL', renewing_key)
-- A key without an end, or with one too far away, was not written by a supervisor: the round would stop.
if left == -1 or left > longest then redis.call('DEL', renewing_key) end
local taken = redis.call('SET', renewing_key, worker, 'NX', 'PX', lock)
local round = redis.pcall('HGETALL', renewal_key)
return reply {
  taken = taken and 1 or 0,
  left = redis.call('PTTL', renewing_key),
  state = wrong_type(round) and {} or round,
  time = redis.call('TIME')
}
