-- needs: full time expect audit finite
-- Write into the hash of a worker how many threads each of its processes is to have, and which queues it is to serve.
-- '' leaves what was ordered, and CONFIGURED ends it. The worker is notified at once by `asok:wake`, and at its next
-- heartbeat if that message is lost. Moves no job.
local key = worker_key(worker)
expect_audit(op)
expect('hash', key)
local stamp, now = server_time()
local lease_end = redis.call('ZSCORE', workers_key, worker)
if not lease_end then return -1 end
local known = redis.call('HMGET', key, 'beat_at', 'lease', 'stopping', 'wanted', 'configured_concurrency')
if tonumber(lease_end) <= now * 1000 then return -2 end
if known[3] == '1' or known[4] == 'stop' then return -3 end
if not known[5] then return -4 end
local late = math.max(stale_after, stale_part * (finite(known[2]) or 0) / 1000)
if now - (finite(known[1]) or 0) > late then return -5 end

local changed = 0
for _, ordered in ipairs({ { 'ordered_concurrency', concurrency }, { 'ordered_queues', queues } }) do
  local field, value = ordered[1], ordered[2]
  local before = redis.call('HGET', key, field) or CONFIGURED
  if value ~= '' and value ~= before then
    changed = 1
    if value == CONFIGURED then
      redis.call('HDEL', key, field)
    else
      redis.call('HSET', key, field, value)
    end
  end
end
note(op, about, counts, changed, {}, 'done')
if changed == 1 then redis.call('HSET', key, 'ordered_by', author_of(about), 'ordered_at', stamp) end
redis.call('PUBLISH', wake_key, 'order ' .. worker)
return changed
