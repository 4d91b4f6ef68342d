-- needs: full time give_back
-- Held -> pending, some of the jobs of a queue that a hold kept whose end has come. Returns how many are left.
local stamp = server_time()
if redis.call('TYPE', held_key(hold, queue)).ok ~= 'list' then
  keep_index(hold, queue)
  return 0
end
local given = give_back(hold, queue, count, '', stamp, '')
return given and redis.call('LLEN', held_key(hold, queue)) or 0
