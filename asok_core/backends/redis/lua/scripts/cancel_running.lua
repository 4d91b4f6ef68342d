-- needs: full
-- Ask a running job to stop. Moves no job. Its worker is notified at once by `asok:wake`, and with its next
--   heartbeat if that message is lost: the id stays in `asok:cancels:{worker}` until the worker finds that it does
--   not run the job, or for CANCELS_TTL.
-- Another process may run it by now.
local now = redis.pcall('HGET', job_key(job_id), 'worker')
if type(now) == 'string' then process = now end
-- An attempt that was settled meanwhile is not to stop, and the next one may run on the same worker.
local status = redis.pcall('HGET', job_key(job_id), 'status')
if type(status) == 'string' and status ~= 'running' then process = '' end
local cancels = cancels_key(string.match(process, '^(.+)%.') or process)
if process ~= '' and type(redis.pcall('SADD', cancels, job_id)) ~= 'table' then
  redis.call('EXPIRE', cancels, CANCELS_TTL)
end
redis.pcall('PUBLISH', wake_key, 'cancel ' .. job_id)
