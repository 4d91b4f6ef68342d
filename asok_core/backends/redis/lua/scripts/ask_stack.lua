-- needs: full
-- Ask a worker for the stack of a job that it runs. Moves no job. The request is in `asok:stacks:{worker}`,
--   which its next heartbeat empties; the worker sends that at once when it is notified by `asok:wake`.
-- A request that no worker takes expires: no client waits for its answer by then.
local asked = stacks_key(worker)
if type(redis.pcall('RPUSH', asked, request)) == 'table' then
  -- The key is the worker's own, and lives for seconds.
  redis.call('DEL', asked)
  redis.call('RPUSH', asked, request)
end
redis.call('LTRIM', asked, -STACKS_LENGTH, -1)
redis.call('EXPIRE', asked, STACKS_TTL)
redis.pcall('PUBLISH', wake_key, 'order ' .. worker)
