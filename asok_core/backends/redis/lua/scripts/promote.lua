-- needs: full time record status stats locations failure_notices
-- promote: delayed -> pending when due; what cannot be read -> dead jobs, as rejected, with the reason.
-- ARGV: ns, then each: envelope, queue, id, dead job or '', function
-- Reply: { how many were moved by this call, how many could not be: their location is of another type }
local ns = ARGV[1]
local stamp, now, second = server_time()
local delayed, moved, stuck = ns .. ':delayed_tasks', 0, 0
for i = 2, #ARGV, 5 do
  local envelope, queue, id, letter, task = unpack(ARGV, i, i + 4)
  if redis.call('ZSCORE', delayed, envelope) then
    if letter ~= '' then
      if push_dead(ns, letter, false) then
        redis.call('ZREM', delayed, envelope)
        push_notice(ns, 'default', '0', letter, now)
        tally('default', 'dead', 1)
        moved = moved + 1
      else
        stuck = stuck + 1
      end
    elseif pushed('LPUSH', pending_key(ns, queue), envelope) then
      redis.call('ZREM', delayed, envelope)
      note_queue(ns, queue)
      if not has_ended(ns, id) then
        write_record(ns, id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task })
      end
      moved = moved + 1
    else
      stuck = stuck + 1
    end
  end
end
write_tally(ns, second)
return { moved, stuck }
