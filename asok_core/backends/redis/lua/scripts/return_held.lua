-- needs: full time expect audit holds return_jobs
-- Held -> pending, some of the jobs of a queue that a hold kept whose end has come, or whose release was cut off. Returns how many
--   are left; -1 where none can be returned: it is in force, or left to operators, or a key is of another type. The audit has
--   one entry for all that workers return of a hold; an audit that cannot be written keeps no job held.
local function is_a(kind, key)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end

local stamp = server_time()
if is_in_force(hold) or not is_for_workers(hold) then return -1 end
if redis.call('TYPE', held_key(hold, queue)).ok ~= 'list' then
  keep_index(hold, queue)
  return -1
end
local returned = return_jobs(hold, queue, count, '', stamp, '')
if not returned then return -1 end
local left = redis.call('LLEN', held_key(hold, queue))
if returned > 0 and is_a('stream', audit_key) and is_a('hash', operation_key(op)) then
  note(op, about, '{}', returned, {}, left > 0 and 'running' or 'done')
end
return left
