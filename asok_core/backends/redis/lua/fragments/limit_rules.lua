-- needs: holds
-- The limits of operators, in the hash of holds: a field for each, LIMIT_FIELD before what it is about (see inspection/limits.py).
-- limit_field(identity), limit_rule(identity): the field, and the rule in it, '' for none.
-- limit_in(rule): the limit as text, '' where it cannot be read.
local function limit_field(identity) return LIMIT_FIELD .. identity end

local function limit_rule(identity)
  return string.sub(redis.call('HGET', holds_key, limit_field(identity)) or '', 1, LARGEST_LIMIT + 1)
end

local function limit_in(rule)
  local ok, known = pcall(cjson.decode, rule)
  local limit = ok and type(known) == 'table' and known.limit
  return type(limit) == 'string' and limit or ''
end
