-- needs: full time record status stats locations failure_notices
-- Delayed -> pending when due; what cannot be read -> dead jobs, as rejected, with the reason.
local stamp, now, second = server_time()
local moved, stuck = 0, 0
for i = jobs_first, jobs_last, DUE_JOB.SIZE do
  local envelope, queue, id = ARGV[i + DUE_JOB.envelope], ARGV[i + DUE_JOB.queue], ARGV[i + DUE_JOB.id]
  local dead_job = ARGV[i + DUE_JOB.dead_job]
  if redis.call('ZSCORE', delayed_key, envelope) then
    if dead_job ~= '' then
      if push_dead(dead_job, false) then
        redis.call('ZREM', delayed_key, envelope)
        push_notice('default', '0', dead_job, now)
        tally('default', 'dead', 1)
        tally('default', 'failed', 1)
        moved = moved + 1
      else
        stuck = stuck + 1
      end
    elseif pushed('LPUSH', queue_key(queue), envelope) then
      redis.call('ZREM', delayed_key, envelope)
      note_queue(queue)
      if not has_ended(id) then
        write_record(id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', ARGV[i + DUE_JOB.task] })
      end
      moved = moved + 1
    else
      stuck = stuck + 1
    end
  end
end
write_tally(second)
return reply { moved = moved, stuck = stuck }
