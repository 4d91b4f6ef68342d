-- needs: full locations
-- Add what tasks did to their blocks of figures (packed_figures.py), those of this minute and of this hour. Moves no job.
local COUNTS, TRAILER, TAIL, LARGEST, LARGEST_SCALE = 7, 3, 192, 131072, 2 ^ 49
local HOUR, DAY, MINUTES_TTL, HOURS_TTL = 3600, 86400, 90000, 1296000
local byte, char, floor = string.byte, string.char, math.floor

-- The numbers of packed figures; nil where these are not any.
local function numbers_of(packed)
  if #packed > 4096 then return nil end
  local numbers, n = { byte(packed, 1, -1) }, 0
  if string.find(packed, '[\128-\255]') then
    local value, scale, bytes = 0, 1, numbers
    numbers = {}
    for i = 1, #bytes do
      if bytes[i] < 128 then
        n = n + 1
        numbers[n] = value + bytes[i] * scale
        value, scale = 0, 1
      else
        value, scale = value + (bytes[i] - 128) * scale, scale * 128
        if scale > LARGEST_SCALE then return nil end
      end
    end
  end
  local at = COUNTS + 1
  for _ = 1, 2 do
    local size = numbers[at + 1]
    if not size or size > 128 then return nil end
    at = at + 2 + size
  end
  return at == #numbers + 1 and numbers or nil
end

-- The sum of the figures `a` and `b`, packed.
local function sum_of(a, b)
  local sum, n, i, j = {}, COUNTS, COUNTS + 1, COUNTS + 1
  for k = 1, COUNTS do sum[k] = a[k] + b[k] end
  for _ = 1, 2 do
    local from_a, size_a, from_b, size_b = a[i], a[i + 1], b[j], b[j + 1]
    local first, last = math.min(from_a, from_b), math.max(from_a + size_a, from_b + size_b) - 1
    if size_a == 0 then first, last = from_b, from_b + size_b - 1 end
    if size_b == 0 then first, last = from_a, from_a + size_a - 1 end
    sum[n + 1], sum[n + 2], n = first, last - first + 1, n + 2
    for bucket = first, last do
      local in_a, in_b = bucket - from_a, bucket - from_b
      n = n + 1
      sum[n] = (in_a >= 0 and in_a < size_a and a[i + 2 + in_a] or 0)
        + (in_b >= 0 and in_b < size_b and b[j + 2 + in_b] or 0)
    end
    i, j = i + 2 + size_a, j + 2 + size_b
  end
  for k = 1, n do
    local rest, bytes = sum[k], ''
    while rest > 127 do
      bytes, rest = bytes .. char(rest % 128 + 128), floor(rest / 128)
    end
    sum[k] = bytes .. char(rest)
  end
  return table.concat(sum)
end

local function entry(packed, bucket) return packed .. char(bucket, floor(#packed / 256), #packed % 256) end

-- A string grows into room that is twice its size: one that is complete is written again without it.
local function compact(key)
  local whole = redis.pcall('GETRANGE', key, 0, LARGEST)
  if type(whole) == 'string' and #whole > 0 and #whole <= LARGEST then redis.call('SET', key, whole, 'KEEPTTL') end
end

-- Add figures to a block; `former` is the key of the block before it. A key of another type costs the figures.
local function add(key, bucket, packed, ttl, former)
  local tail = redis.pcall('GETRANGE', key, -TAIL, -1)
  if wrong_type(tail) then return end
  local n = #tail
  if n > TRAILER then
    local size, last = byte(tail, n - 1) * 256 + byte(tail, n), byte(tail, n - 2)
    if size + TRAILER > n and n == TAIL then
      tail = redis.call('GETRANGE', key, -(size + TRAILER), -1)
      n = #tail
    end
    -- A clock that is set back adds to what is the newest.
    if last >= bucket and size + TRAILER <= n then
      local known, more = numbers_of(string.sub(tail, n - TRAILER - size + 1, n - TRAILER)), numbers_of(packed)
      if known and more then
        local length = redis.call('STRLEN', key)
        redis.call('SETRANGE', key, length - size - TRAILER, entry(sum_of(known, more), last))
        return
      end
    end
  end
  if redis.call('APPEND', key, entry(packed, bucket)) == #packed + TRAILER then
    redis.call('EXPIRE', key, ttl)
    compact(former)
  end
end

local now = tonumber(redis.call('TIME')[1])
local hour, day = now - now % HOUR, now - now % DAY
local ranking = tasks_key(day)
local names = redis.pcall('ZCARD', ranking)
if wrong_type(names) then return end

-- Whether a task is among the busiest of today. Where too many are ranked, the last makes room, and the newcomer
-- takes over its rank: a task that is busy rises from there, one of many that ran once does not.
local function is_busy(task, attempts)
  local known = redis.call('ZSCORE', ranking, task)
  if not known and names >= ranked then
    local last = redis.call('ZPOPMIN', ranking)
    redis.call('ZADD', ranking, last[2] + attempts, task)
  else
    redis.call('ZINCRBY', ranking, attempts, task)
    if not known then names = names + 1 end
    if names == 1 then redis.call('EXPIRE', ranking, HOURS_TTL) end
  end
  return names <= most or redis.call('ZREVRANK', ranking, task) < most
end

for i = counts_first, counts_last, TASK_COUNT.SIZE do
  local task, packed = ARGV[i + TASK_COUNT.task], ARGV[i + TASK_COUNT.figures]
  if task ~= others and not is_busy(task, ARGV[i + TASK_COUNT.attempts]) then task = others end
  add(task_minutes_key(task, hour), floor((now - hour) / 60), packed, MINUTES_TTL, task_minutes_key(task, hour - HOUR))
  add(task_hours_key(task, day), floor((now - day) / HOUR), packed, HOURS_TTL, task_hours_key(task, day - DAY))
end
