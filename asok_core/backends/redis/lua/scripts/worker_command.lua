-- needs: full time expect audit
-- Write a command for a worker into its hash, where it stays until the worker ends. The worker is notified
-- at once by `asok:wake`, and at its next heartbeat if that message is lost. Moves no job.
local key = worker_key(worker)
expect_audit(op)
expect('hash', key)
if not redis.call('ZSCORE', workers_key, worker) then return -1 end
local changed = redis.call('HGET', key, 'wanted') == requested and 0 or 1
note(op, about, counts, changed, {}, 'done')
-- The name is written with its command: an earlier release writes the command alone, and the name beside it would be that
-- of who requested the command before.
local by = requested .. ' ' .. author_of(about)
if changed == 1 then redis.call('HSET', key, 'wanted', requested, 'requested_by', by) end
redis.call('PUBLISH', wake_key, 'order ' .. worker)
return changed
