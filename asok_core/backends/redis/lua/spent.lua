-- Fragment (put before a script that says `needs: status spent`): whether a job has ended before it begins.
-- spent(ns, envelope): 1 its record says that the job has ended, so this is a copy of its envelope; 0 not, or
--   there is no record any more; 2 Redis cannot read the job's id.
-- Retries, recovery, requeue, restore and undo write a record that has not ended, in the step that moves the
-- job. The framework writes one after it has requeued a dead job, so `failed` says nothing of version 1.
-- Our text of a job begins with its id, and is not decoded. The framework's is.
local HEADS = { ['{"v": 1, "job": "{\\"id\\": \\"'] = 1, ['{"v": 2, "job": "{\\"id\\": \\"'] = 2 }
local HEAD_SIZE = 28

local function id_in(envelope)
  local version = HEADS[string.sub(envelope, 1, HEAD_SIZE)]
  local last = version and string.find(envelope, '\\"', HEAD_SIZE + 1, true)
  if last then
    local id = string.sub(envelope, HEAD_SIZE + 1, last - 1)
    if id ~= '' and not string.find(id, '["\\]') then return version, id end
  end
  local ok, fields = pcall(cjson.decode, envelope)
  if not ok or type(fields) ~= 'table' or type(fields.job) ~= 'string' then return end
  local read, job = pcall(cjson.decode, fields.job)
  if read and type(job) == 'table' and type(job.id) == 'string' then return fields.v, job.id end
end

local function spent(ns, envelope)
  local version, id = id_in(envelope)
  if not id then return 2 end
  local status = status_of(ns, id)
  local ended = status == 'completed' or status == 'cancelled' or status == 'failed' and version ~= 1
  return ended and 1 or 0
end
