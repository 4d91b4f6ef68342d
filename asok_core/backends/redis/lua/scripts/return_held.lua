-- needs: full time holds return_jobs
-- Held -> pending, some of the jobs of a queue that a hold kept whose end has come, or whose release was cut off. Returns how many
--   are left; 0 where it is in force, or an operator returns them at a rate.
local stamp = server_time()
if is_in_force(hold) or has_rate(hold) then return 0 end
if redis.call('TYPE', held_key(hold, queue)).ok ~= 'list' then
  keep_index(hold, queue)
  return 0
end
local returned = return_jobs(hold, queue, count, '', stamp, '')
return returned and redis.call('LLEN', held_key(hold, queue)) or 0
