-- needs: full locations
-- Keep how far the round is, and until when the next step waits. Moves no job.
if pushed('HSET', renewal_key, unpack(ARGV, fields_first, fields_last)) then
  redis.call('EXPIRE', renewal_key, ttl)
end
redis.call('SET', renewing_key, worker, 'PX', wait)
return 1
