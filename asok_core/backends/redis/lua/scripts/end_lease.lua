-- needs: full
-- The lease of a worker that is dead ends now. Moves no job; recovery follows.
return redis.call('ZADD', workers_key, 'XX', 'CH', 0, worker)
