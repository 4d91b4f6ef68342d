-- needs: full
-- end_lease: the lease of a worker that is dead ends now. Moves no job; recovery follows.
-- ARGV: ns, worker
-- Reply: 1 ended by this call; 0 it had ended, or there is none
return redis.call('ZADD', ARGV[1] .. ':workers', 'XX', 'CH', 0, ARGV[2])
