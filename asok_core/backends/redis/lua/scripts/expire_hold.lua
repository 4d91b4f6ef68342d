-- needs: full time holds
-- A hold whose end has come matches no job from now on: 1; 0 where it has none that has come. Moves nothing.
local _, now = server_time()
if redis.call('TYPE', holds_key).ok ~= 'hash' then return 0 end
local rule = redis.call('HGET', holds_key, hold)
local ok, known = pcall(cjson.decode, rule or '')
local ends = ok and type(known) == 'table' and known['until']
if type(ends) ~= 'number' or ends > now then return 0 end
end_hold(hold, now, END_OF_HOLD, type(known.by) == 'string' and known.by or '', '')
return 1
