-- needs: full time expect audit holds
-- A hold is in force from now on, for each process that has read it. Moves nothing; running jobs continue.
-- State 6: another hold has this id, also one that has ended and still keeps jobs: nothing is done.
-- The rule is JSON of inspection/holds.py, to which author, time, generation and end are added as text: its values stay as they are.
expect_audit(op)
expect('hash', holds_key)
local stamp, now = server_time()
if redis.call('HEXISTS', holds_key, hold) == 1 or redis.call('HEXISTS', holds_key, 'ended:' .. hold) == 1 then
  return reply { state = 6, generation = 0, rule = '' }
end
if ends > now + LONGEST_HOLD then return reply { state = 5, generation = 0, rule = '' } end
local ending = lasts > 0 and now + lasts or ends
if ending > 0 and ending <= now then
  note(op, about, counts, 0, { [HOLD_OVER] = 1 }, 'done')
  return reply { state = 3, generation = 0, rule = '' }
end
local fields = redis.call('HLEN', holds_key)
if fields > MOST_HOLDS and fields - number_of_limits() > MOST_HOLDS then
  note(op, about, counts, 0, { [HOLDS_FULL] = 1 }, 'done')
  return reply { state = 4, generation = 0, rule = '' }
end
local by, generation = author_of(about), next_generation(now)
local text = string.sub(rule, 1, -2) .. ', "by": ' .. cjson.encode(by) .. ', "at": ' .. stamp
  .. ', "operation": ' .. cjson.encode(op) .. ', "generation": ' .. generation
if ending > 0 then text = text .. string.format(', "until": %.3f', ending) end
text = text .. '}'
redis.call('HSET', holds_key, hold, text)
note(op, about, counts, 1, {}, 'done')
add_event('hold_added', { 'hold', hold, 'by', by, 'operation', op, 'rule', words, 'reason', reason,
  'until', ending > 0 and string.format('%.3f', ending) or '' })
return reply { state = 1, generation = tonumber(generation), rule = text }
