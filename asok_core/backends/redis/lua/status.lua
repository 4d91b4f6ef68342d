-- Fragment (put before a script that says `needs: status`).
-- status_of(ns, id): the status that a job's record holds, or nil.
-- FINAL: the statuses of jobs that have ended.
local FINAL = { completed = true, failed = true, cancelled = true }

local function status_of(ns, id)
  local key = ns .. ':job:' .. id
  local status = redis.pcall('HGET', key, 'status')
  if type(status) ~= 'table' then return status or nil end
  local text = redis.pcall('GET', key)
  local ok, fields = pcall(cjson.decode, type(text) == 'string' and text or '')
  status = ok and type(fields) == 'table' and fields.status
  return type(status) == 'string' and status or nil
end
