-- needs: full time expect audit limit_rules
-- The limit of an operator is no longer in force: 1, and what code declares is again; 0: there is none. Moves nothing.
-- The generation stays beside it until each process has read that it is gone: a supervisor removes it later.
expect_audit(op)
expect('hash', holds_key)
local _, now = server_time()
local former = limit_rule(identity)
if former == '' then
  note(op, about, counts, 0, {}, 'done')
  return reply { state = 0, generation = 0, rule = '', former = '' }
end
redis.call('HDEL', holds_key, limit_field(identity))
local generation = next_generation(now)
note(op, about, counts, 1, {}, 'done')
add_event('limit_reset', { 'limit', words, 'by', (author_of(about)), 'operation', op, 'from', limit_in(former) })
return reply { state = 1, generation = tonumber(generation), rule = '', former = former }
