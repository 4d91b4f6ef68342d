-- needs: event finite locations
-- Whether another server answers than the one that workers saw last: one of them notices, and the rest find it noted.
-- see_server(ask, known, last, now): `ask` where the connection of this worker is a new one, since neither a restart
--   nor a failover leaves one open; `known` is the run id that this worker saw last, at `last` (epoch seconds; 0:
--   never). Returns the run id, '' where it is not known. A user who may not ask (ACL) notices nothing.
-- A restart and a failover differ in when the server started: before or after it was seen last.
local function see_server(ask, known, last, now)
  if not ask then return known end
  local info = redis.pcall('INFO', 'server')
  local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
  if run == '' then return known end
  local stored = redis.pcall('HMGET', server_key, 'run_id', 'seen_at')
  local before = type(stored[1]) == 'string' and stored[1] or known
  if before ~= '' and before ~= run then
    local seen = math.max(finite(stored[2]) or 0, last)
    -- The uptime is the difference of two whole seconds, so that the start was less than a second later than this.
    local started = math.floor(now) - (finite(string.match(info, 'uptime_in_seconds:(%d+)')) or 0)
    add_event(started + 1 > seen and 'redis_restarted' or 'redis_failed_over', {
      'seen_at', string.format('%.3f', seen), 'version', string.match(info, 'redis_version:([%w.]+)')
    })
  end
  redis.pcall('HSET', server_key, 'run_id', run)
  return run
end

-- note_release(release, queues, worker): a worker of these queues (with commas between) starts on this release ('': not
--   known); whether it is another than that of the worker of one of them that started before it. Applications that
--   share a namespace serve different queues, and each has a release of its own.
local MOST_RELEASES, LONGEST_QUEUES = 1000, 65536
local function note_release(release, queues, worker)
  local fields, written = {}, {}
  for queue in string.gmatch(string.sub(queues, 1, LONGEST_QUEUES), '[^,]+') do
    if #fields < MOST_RELEASES then fields[#fields + 1] = 'release:' .. queue end
  end
  if release == '' or #fields == 0 then return end
  local known, last = redis.pcall('HMGET', server_key, unpack(fields)), nil
  -- Queues may have any names, and a worker of a queue with a new one must not make the hash longer each time.
  local size = redis.pcall('HLEN', server_key)
  local room = MOST_RELEASES - (type(size) == 'number' and size or MOST_RELEASES)
  for i, field in ipairs(fields) do
    local before = known[i]
    if type(before) == 'string' and before ~= release then last = last or before end
    if type(before) == 'string' or #written < 2 * room then
      written[#written + 1], written[#written + 2] = field, release
    end
  end
  if last then add_event('release_changed', { 'from', last, 'to', release, 'worker', worker, 'queues', queues }) end
  if #written > 0 then redis.pcall('HSET', server_key, unpack(written)) end
end

-- note_memory(): whether the memory of the server is nearly full. It is read here: of samples that workers took before,
--   one would contradict a newer one. The first worker that finds a change writes its event, and the others find it
--   noted. Between both bounds nothing changes. A user who may not ask (ACL) notices nothing.
local function note_memory()
  local info = redis.pcall('INFO', 'memory')
  local used = type(info) == 'string' and finite(string.match(info, 'used_memory:(%d+)'))
  local most = used and finite(string.match(info, 'maxmemory:(%d+)'))
  if not most then return end
  local noted = redis.pcall('HGET', server_key, 'memory') == 'short'
  if not noted and most > 0 and used * 100 >= MEMORY_SHORT * most then
    if pushed('HSET', server_key, 'memory', 'short') then
      local part = string.format('%.0f %% of maxmemory (%.0f of %.0f MiB)', used / most * 100, used / 2^20, most / 2^20)
      add_event('warning_raised', { 'warning', 'redis_memory', 'reason', part })
    end
  elseif noted and (most == 0 or used * 100 < MEMORY_ENOUGH * most) then
    if redis.pcall('HDEL', server_key, 'memory') == 1 then
      add_event('warning_cleared', { 'warning', 'redis_memory' })
    end
  end
end
