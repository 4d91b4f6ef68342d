-- needs: event finite pauses
-- end_pauses(now): resume the queues whose pause is over, each with its event. Returns when the next pause ends
--   (epoch seconds), or nil. Moves nothing.
-- What is known of a pause that another program has ended is removed: the next pause of that queue is another one.
-- Where there are more than MOST_PAUSES another program wrote them, and nothing is done.
local function end_pauses(now)
  local number = redis.pcall('HLEN', pauses_key)
  if type(number) ~= 'number' or number > MOST_PAUSES then return nil end
  local fields, next_end = redis.call('HGETALL', pauses_key), nil
  for i = 1, #fields, 2 do
    local queue, marked = fields[i], redis.pcall('SISMEMBER', paused_key, fields[i])
    local pause = pause_in(fields[i + 1])
    -- asok_core/inspection/pauses.py has the same rule: what ends no pause is shown as no end.
    local written = pause_field(pause, 'until')
    local ends = string.find(written, '^%d+%.?%d*$') and finite(written)
    if marked == 0 then
      redis.call('HDEL', pauses_key, queue)
    elseif marked == 1 and ends and ends <= now then
      redis.call('SREM', paused_key, queue)
      redis.call('HDEL', pauses_key, queue)
      add_event('queue_resumed', {
        'queue', queue, 'cause', END_OF_PAUSE, 'paused_by', pause_field(pause, 'by'),
        'reason', pause_field(pause, 'reason'), 'until', pause_field(pause, 'until')
      })
      redis.pcall('PUBLISH', wake_key, 'resume ' .. queue)
    elseif marked == 1 and ends then
      next_end = math.min(next_end or ends, ends)
    end
  end
  return next_end
end
