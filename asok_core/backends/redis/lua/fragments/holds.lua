-- needs: finite event
-- Holds (`asok:holds`, see inspection/holds.py): a field for each, and `ended:{id}` for one that ended and still has jobs to
-- return. `generation` grows with each change; processes of workers state which one they enforce.
-- is_in_force(hold): whether a hold keeps jobs.
-- next_generation(now): the hash has changed: a generation that none of before had, also where the hash was deleted.
-- end_hold(hold, now, cause, by, op): a hold matches no longer, from now on. Returns its rule, or nil where there is none.
--   The jobs that it keeps stay where they are until they are returned: by the operator of the operation, who may have set
--   a rate, or by supervisors where it ended by itself. They find those by the end in the rule.
local function is_in_force(hold)
  -- A command that users of earlier releases may run: refused, it would look as if the hold had ended.
  local length = redis.pcall('HSTRLEN', holds_key, hold)
  return type(length) == 'number' and length > 0
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

local function end_hold(hold, now, cause, by, op)
  local rule = redis.call('HGET', holds_key, hold)
  if not rule then return nil end
  local kept = op == '' and rule or string.gsub(rule, ', "until": %d+%.%d+}$', '}')
  redis.call('HSET', holds_key, 'ended:' .. hold, kept)
  redis.call('HDEL', holds_key, hold)
  next_generation(now)
  add_event('hold_ended', { 'hold', hold, 'by', by, 'operation', op, 'cause', cause })
  return rule
end
