-- needs: full locations
-- Add the figures of an hour to the blocks of its day (queue_blocks.py). Moves no job.
-- Each block has an hour once: a supervisor may be killed after any of them, and the next one begins that hour again.
--   A supervisor may also be stopped for long between reading and writing: an hour whose minutes may have expired before
--   they were read is not written.
local TRAILER, LARGEST, HOUR, DAY, HOURS_TTL = 3, 131072, 3600, 86400, 1296000

if day + bucket * HOUR + DAY <= tonumber(redis.call('TIME')[1]) then return end

local function key_of(queue, start) return queue == '' and hours_key(start) or queue_hours_key(queue, start) end

-- A string grows into room that is up to twice its size: one that is complete is written again without it.
local function compact(key)
  local whole = redis.pcall('GETRANGE', key, 0, LARGEST)
  if type(whole) == 'string' and #whole > 0 and #whole <= LARGEST then redis.call('SET', key, whole, 'KEEPTTL') end
end

for i = figures_first, figures_last, QUEUE_HOUR.SIZE do
  local queue, figures = ARGV[i + QUEUE_HOUR.queue], ARGV[i + QUEUE_HOUR.figures]
  local key = key_of(queue, day)
  local tail = redis.pcall('GETRANGE', key, -TRAILER, -1)
  if not wrong_type(tail) and (#tail < TRAILER or string.byte(tail, 1) < bucket) then
    local entry = figures .. string.char(bucket, math.floor(#figures / 256), #figures % 256)
    if redis.call('APPEND', key, entry) == #entry then
      redis.call('EXPIRE', key, HOURS_TTL)
      compact(key_of(queue, day - DAY))
    end
  end
end
