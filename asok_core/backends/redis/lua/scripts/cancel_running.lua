-- needs: full
-- cancel_running: ask a job that runs to stop. Moves no job. Its worker hears of that at once by `asok:wake`,
--   and with its next heartbeat if that message is lost: the id stays in `asok:cancels:{worker}` until the
--   worker finds that it does not run the job, or for a day.
-- ARGV: ns, id, process that runs it as the caller read in its record
-- Reply: nothing
local ns, id, process = ARGV[1], ARGV[2], ARGV[3]
-- It may have gone to another process since.
local now = redis.pcall('HGET', ns .. ':job:' .. id, 'worker')
if type(now) == 'string' then process = now end
local cancels = ns .. ':cancels:' .. (string.match(process, '^(.+)%.') or process)
if process ~= '' and type(redis.pcall('SADD', cancels, id)) ~= 'table' then
  redis.call('EXPIRE', cancels, 86400)
end
redis.pcall('PUBLISH', ns .. ':wake', 'cancel ' .. id)
