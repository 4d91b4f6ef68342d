-- needs: full time
-- A process reports that each of its slots waits for a job, and reads which others report that. Moves no job.
--   `asok:waits` (WAITS_TTL) holds, per process, the time of the server's clock and its mark.
-- Another program may have put anything there: of a worker with a field of more than LONGEST bytes nothing is known,
-- where there are more than MOST workers it is so of one without a name, and of that many processes none is listed.
local LONGEST, MOST = 65536, 1024
local now = server_time()
if mark == '' then
  redis.call('HDEL', waits_key, process)
  return reply { server_time = now, marks = {}, workers = {} }
end
redis.call('HSET', waits_key, process, now .. ' ' .. mark)
redis.call('EXPIRE', waits_key, WAITS_TTL)
local function field(worker, name)
  local hash = worker_key(worker)
  local size = redis.pcall('HSTRLEN', hash, name)
  if type(size) ~= 'number' or size > LONGEST then return nil end
  return size > 0 and redis.call('HGET', hash, name) or ''
end

local workers = {}
local leased = redis.call('ZRANGEBYSCORE', workers_key, '(' .. tonumber(now) * 1000, '+inf', 'LIMIT', 0, MOST + 1)
if #leased > MOST then leased = { '' } end
for _, worker in ipairs(leased) do
  local queues, slots, processes = field(worker, 'queues'), field(worker, 'slots'), field(worker, 'processes')
  if slots == '' then slots = processes end
  -- Nothing is known of one whose hash is gone.
  local known = #worker <= LONGEST and queues and slots
  local n = #workers
  workers[n + 1], workers[n + 2], workers[n + 3] = known and worker or '', known and queues or '', known and slots or ''
end

local marks, listed = {}, redis.call('HLEN', waits_key) <= MOST and redis.call('HGETALL', waits_key) or {}
for i = 1, #listed, 2 do
  if #listed[i] <= LONGEST and #listed[i + 1] <= LONGEST then
    marks[#marks + 1], marks[#marks + 2] = listed[i], listed[i + 1]
  end
end
return reply { server_time = now, marks = marks, workers = workers }
