-- needs: head_id status
-- Whether a job has ended before it begins.
-- id_in(envelope): the id of the job, its version, and whether we wrote the text; nil where Redis cannot read it.
-- ended_before(envelope): a flag ENDED_...; nil where the job has not ended, also where there is no record now.
-- Retries, recovery, requeue, restore and undo write a record that has not ended, in the step that moves the
-- job. The framework moves a job before it writes the record, both when it requeues a dead job and when a job
-- fails: so in version 1 `failed` counts only for a text that we wrote whose record is ours.
-- Our text of a job begins with its id, and is not decoded. The framework's is.

local function id_in(envelope)
  local known, version = head_id(envelope)
  if known then return known, version, true end
  local ok, fields = pcall(cjson.decode, envelope)
  if not ok or type(fields) ~= 'table' or type(fields.job) ~= 'string' then return end
  local read, job = pcall(cjson.decode, fields.job)
  if read and type(job) == 'table' and type(job.id) == 'string' then return job.id, fields.v, false end
end

local function ended_before(envelope)
  local id, version, ours = id_in(envelope)
  if not id then return ENDED_NO_ID end
  local status, is_text = status_of(id)
  if status == 'pending' then return end
  if is_text and not status then return ENDED_NO_RECORD end
  local failed = status == 'failed' and (version ~= 1 or ours and not is_text)
  if failed or status == 'completed' or status == 'cancelled' then return ENDED_ENDED end
end
