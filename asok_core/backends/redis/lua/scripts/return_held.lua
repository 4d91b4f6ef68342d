-- needs: full time holds return_jobs
-- Held -> pending, some of the jobs of a queue that a hold kept whose end has come, or whose release was cut off. Returns how many
--   are left; -1 where none can be returned: it is in force, or left to operators, or a key is of another type.
local stamp = server_time()
if is_in_force(hold) or not is_for_workers(hold) then return -1 end
if redis.call('TYPE', held_key(hold, queue)).ok ~= 'list' then
  keep_index(hold, queue)
  return -1
end
local returned = return_jobs(hold, queue, count, '', stamp, '')
return returned and redis.call('LLEN', held_key(hold, queue)) or -1
