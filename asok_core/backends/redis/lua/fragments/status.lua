-- status_of(id): the status that a job's record holds, or nil; then whether the record is a JSON string.
-- has_ended(id): whether the record says that the job has ended. It may hold its unique key still: the
--   framework's worker frees none.
-- cjson decodes neither half of a surrogate pair nor more than 1,000 levels, and results have both. So a text that
--   it cannot decode has the status with which it begins: the framework writes it first, and so does record.lua.
local function status_of(id)
  local key = job_key(id)
  local status = redis.pcall('HGET', key, 'status')
  if type(status) ~= 'table' then return status or nil end
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' then text = '' end
  local ok, fields = pcall(cjson.decode, text)
  if ok then
    status = type(fields) == 'table' and fields.status
  else
    status = string.match(text, '^{"status": "(%l+)"[,}]')
  end
  return type(status) == 'string' and status or nil, true
end

local function has_ended(id)
  local status = status_of(id)
  return status == 'completed' or status == 'failed' or status == 'cancelled'
end
