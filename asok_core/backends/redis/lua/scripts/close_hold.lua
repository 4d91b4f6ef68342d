-- needs: full locations
-- What is known of a hold that ended is removed, once it has returned all jobs: 1; 0 where it has some. Moves nothing.
if redis.call('TYPE', holds_key).ok ~= 'hash' then return 0 end
for i = queues_first, queues_last do
  local length = redis.pcall('LLEN', held_key(hold, ARGV[i]))
  if wrong_type(length) or length > 0 then return 0 end
end
for i = queues_first, queues_last do redis.pcall('SREM', held_lists_key, hold .. ':' .. ARGV[i]) end
redis.call('HDEL', holds_key, 'ended:' .. hold)
-- Where no hold is left, processes read that from the absence of a generation.
if redis.call('HLEN', holds_key) == 1 then redis.call('HDEL', holds_key, 'generation') end
return 1
