-- needs: record status moves locations
-- The record of a job that is put into a list of held jobs (asok:held:{by}:{queue}), by a hold or by a limit.
-- name_held(by, queue): the set of lists names this one; false where the set's key is of another type. Before the push: a list
--   that nothing names would be found by nothing.
-- write_held(job, by, stamp): `job` has id, queue, task, retries, retry_count and unique. Nothing of a job that has ended.
local function name_held(by, queue) return pushed('SADD', held_lists_key, by .. ':' .. queue) end

local function write_held(job, by, stamp)
  if has_ended(job.id) then return end
  if job.unique ~= '' and (holder(job.unique) or job.id) == job.id then hold_unique(job.unique, job.id) end
  write_record(job.id, { 'status', 'held', 'ts', stamp, 'queue', job.queue, 'function', job.task,
    'retries', job.retries, 'retry_count', job.retry_count, 'held_by', by,
    'moves', moves_with(job.id, move_line(stamp, 'hold', '', by)) })
end
