-- needs: finite event
-- Holds (`asok:holds`, see inspection/holds.py): a field for each, and `ended:{id}` for one that ended and still has jobs to
-- return. `generation` grows with each change; processes of workers state which one they enforce.
-- The limits of operators are fields beside them (see limit_rules.lua).
-- is_in_force(hold): whether a hold keeps jobs.
-- number_of_limits(): how many of the fields are limits. A hash with more fields than this program writes is not gone through.
-- next_generation(now): the hash has changed: a generation that none of before had, also where the hash was deleted.
-- end_hold(hold, now, cause, by, op, rate): a hold matches no longer, from now on. Returns its rule, or nil where there is none.
--   The jobs that it keeps stay where they are until they are returned: by the operator who releases it at a `rate` (0: all
--   at once), or by supervisors where it ended by itself (`rate` nil). They find such holds by the end in the rule.
-- note_release(hold, now, rate): a release begins, or returns a batch, at this rate now. Where no batch follows, it was cut
--   off, and supervisors return the rest, except where there is a rate, which they do not keep. Returns the former rule, or false.
-- note_stop(hold): its operator has stopped a release: supervisors leave the rest to operators.
-- is_for_workers(hold): whether supervisors return its jobs: it ended by itself, or is released all at once.
local function is_in_force(hold)
  -- A command that users of earlier releases may run: refused, it would look as if the hold had ended.
  local length = redis.pcall('HSTRLEN', holds_key, hold)
  return type(length) == 'number' and length > 0
end

local function number_of_limits()
  if redis.call('HLEN', holds_key) > 2 * (MOST_HOLDS + MOST_LIMITS) then return MOST_LIMITS end
  local found = 0
  for _, field in ipairs(redis.call('HKEYS', holds_key)) do
    if string.sub(field, 1, #LIMIT_FIELD) == LIMIT_FIELD then found = found + 1 end
  end
  return found
end

local function next_generation(now)
  local former = finite(redis.call('HGET', holds_key, 'generation') or nil) or 0
  -- Fifteen digits are read: a larger one was written by another program.
  if former >= 9e14 then former = 0 end
  local generation = string.format('%.0f', math.max(former + 1, math.floor(now * 1000)))
  redis.call('HSET', holds_key, 'generation', generation)
  redis.pcall('PUBLISH', wake_key, 'holds')
  return generation
end

local ENDING, RELEASED = ', "until": %d+%.%d+}$', ', "released": %d+%.%d+, "rate": [%d%.e+-]+}$'

local function released_rule(rule, now, rate)
  local own = string.gsub(string.gsub(rule, ENDING, '}'), RELEASED, '}')
  if string.sub(own, -1) ~= '}' then return rule end
  return string.sub(own, 1, -2) .. string.format(', "released": %.3f, "rate": %.15g}', now, rate)
end

local function rule_of_ended(hold)
  local rule = redis.pcall('HGET', holds_key, 'ended:' .. hold)
  return type(rule) == 'string' and rule
end

local function note_release(hold, now, rate)
  local rule = rule_of_ended(hold)
  if rule then redis.call('HSET', holds_key, 'ended:' .. hold, released_rule(rule, now, rate)) end
  return rule
end

local function note_stop(hold)
  local rule = rule_of_ended(hold)
  if rule then redis.call('HSET', holds_key, 'ended:' .. hold, (string.gsub(rule, RELEASED, '}'))) end
end

local function is_for_workers(hold)
  local rule = rule_of_ended(hold) or ''
  return string.find(rule, ENDING) or string.find(rule, ', "rate": 0}$')
end

local function end_hold(hold, now, cause, by, op, rate)
  local rule = redis.call('HGET', holds_key, hold)
  if not rule then return nil end
  local kept = rate and released_rule(rule, now, rate) or rule
  redis.call('HSET', holds_key, 'ended:' .. hold, kept)
  redis.call('HDEL', holds_key, hold)
  next_generation(now)
  add_event('hold_ended', { 'hold', hold, 'by', by, 'operation', op, 'cause', cause })
  return rule
end
