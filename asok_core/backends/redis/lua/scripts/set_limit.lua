-- needs: full time expect audit limit_rules
-- A limit of an operator is in force from now on, instead of a former one and of what code declares, for each process that has
--   read it. Moves nothing: workers start and put aside jobs by it, and supervisors return jobs that wait for it.
-- State 1; 4: there are too many, and nothing is done. `former` is the rule that it replaces, '' for none.
-- The rule is JSON of inspection/limits.py, to which author, time, operation and generation are added as text.
expect_audit(op)
expect('hash', holds_key)
local stamp, now = server_time()
local former = limit_rule(identity)
if former == '' and number_of_limits() >= MOST_LIMITS then
  note(op, about, counts, 0, { [LIMITS_FULL] = 1 }, 'done')
  return reply { state = 4, generation = 0, rule = '', former = '' }
end
local by, generation = author_of(about), next_generation(now)
local text = string.sub(rule, 1, -2) .. ', "by": ' .. cjson.encode(by) .. ', "at": ' .. stamp
  .. ', "operation": ' .. cjson.encode(op) .. ', "generation": ' .. generation .. '}'
redis.call('HSET', holds_key, limit_field(identity), text)
note(op, about, counts, 1, {}, 'done')
add_event('limit_set', { 'limit', words, 'by', by, 'operation', op, 'to', limit, 'from', limit_in(former), 'reason', reason })
return reply { state = 1, generation = tonumber(generation), rule = text, former = former }
