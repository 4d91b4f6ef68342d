-- needs: full time record status moves locations audit
-- Cancel a running job. Moves no job: its record says from now on who cancelled it, so that it does not run again
--   (settle.lua, recover.lua). Its worker finds in `asok:ends:{worker}` from when it may end the process; it is
--   notified at once by `asok:wake`, and at its next heartbeat if that message is lost.
-- Reply: 1 requested; 0 the process does not hold the job; 2 it has no record, or its record
--   says that it has ended: this is a copy; 3 it was requested before.
local stamp, now = server_time()
expect_audit(op)
local function requested()
  local status = status_of(job_id)
  -- A process that cannot run Python code does not note that a job runs. Of a large job the envelope is not known.
  local index = envelope ~= '' and redis.pcall('LPOS', active_key(process, queue), envelope)
  local held = index and not wrong_type(index)
  if not held and (status ~= 'running' or record_text(job_id, 'worker') ~= process) then return 0 end
  if not status or has_ended(job_id) then return 2 end
  if is_cancelled(job_id) then return 3 end
  local worker = string.match(process, '^(.+)%.') or process
  local who, action = author_of(about)
  local ends, at = ends_key(worker), string.format('%.3f', now + wait)
  if type(redis.pcall('HSET', ends, job_id, at)) == 'table' then
    -- The key is the worker's own: one of another type must not keep a job from being cancelled.
    redis.call('DEL', ends)
    redis.call('HSET', ends, job_id, at)
  end
  redis.call('EXPIRE', ends, CANCELS_TTL)
  write_record(job_id, { 'status', status, 'cancel_asked', stamp, 'cancel_by', who, 'cancel_ends', at,
    'moves', moves_with(job_id, move_line(stamp, 'stop', who, op)) }, nil, { 'cancel_taken' })
  -- A worker of an earlier release asks the job to stop, and no more.
  if type(redis.pcall('SADD', cancels_key(worker), job_id)) ~= 'table' then
    redis.call('EXPIRE', cancels_key(worker), CANCELS_TTL)
  end
  redis.pcall('PUBLISH', wake_key, 'order ' .. worker)
  return 1
end
local reply = requested()
note(op, about, counts, reply == 1 and 1 or 0, {}, 'done')
return reply
