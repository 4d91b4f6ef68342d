-- needs: record places
-- promote: delayed -> pending when due; what cannot be read -> dead letters, with the reason.
-- ARGV: ns, dlq_max, then each: envelope, queue, id, letter or '', function
-- Reply: how many were moved by this call (another worker may have been faster)
local ns, dlq_max = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local stamp = string.format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
local delayed, moved = ns .. ':delayed_tasks', 0
for i = 3, #ARGV, 5 do
  local envelope, queue, id, letter, task = unpack(ARGV, i, i + 4)
  if redis.call('ZSCORE', delayed, envelope) then
    if letter ~= '' then
      if push_dead(ns, letter, dlq_max) then
        redis.call('ZREM', delayed, envelope)
        moved = moved + 1
      end
    elseif pushed('LPUSH', pending_key(ns, queue), envelope) then
      redis.call('ZREM', delayed, envelope)
      redis.call('SADD', ns .. ':queues', queue)
      write_record(ns, id, { 'status', 'pending', 'ts', stamp, 'queue', queue, 'function', task })
      moved = moved + 1
    end
  end
end
return moved
