-- needs: full locations
-- Add what tasks did to their blocks of figures (packed_figures.py), those of this minute and of this hour. Moves no job.
local COUNTS, BUCKETS, TRAILER, TAIL, LARGEST, LARGEST_SCALE = 7, 128, 3, 160, 131072, 8 ^ 18
local MOST = 2 ^ 48 - 1
local HOUR, DAY, MINUTES_TTL, HOURS_TTL = 3600, 86400, 90000, 1296000
local byte, char, floor = string.byte, string.char, math.floor

-- The numbers of packed figures; nil where these are not any.
local function numbers_of(packed)
  if #packed > 4096 then return nil end
  local numbers, n, value, scale = {}, 0, 0, 1
  local function digit(of)
    if of < 8 then
      n = n + 1
      numbers[n] = value + of * scale
      value, scale = 0, 1
    else
      value, scale = value + (of - 8) * scale, scale * 8
    end
  end
  for i = 1, #packed do
    local two = byte(packed, i)
    digit(floor(two / 16))
    digit(two % 16)
    if scale > LARGEST_SCALE then return nil end
  end
  local at = COUNTS + 1
  for _ = 1, 2 do
    local size = numbers[at + 1]
    if not size or numbers[at] + size > BUCKETS then return nil end
    at = at + 2 + size
  end
  return at == n + 1 and numbers or nil
end

-- Numbers as packed figures.
local function packed_of(numbers)
  local digits, n = {}, 0
  for i = 1, #numbers do
    -- What is more could not be read again.
    local rest = math.min(numbers[i], MOST)
    while rest > 7 do
      n = n + 1
      digits[n], rest = rest % 8 + 8, floor(rest / 8)
    end
    n = n + 1
    digits[n] = rest
  end
  local bytes = {}
  for i = 1, n, 2 do bytes[(i + 1) / 2] = digits[i] * 16 + (digits[i + 1] or 8) end
  return char(unpack(bytes))
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
  return packed_of(sum)
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

-- The last of the ranking that has no figures of its own today, and its attempts; nil where each has. One that has
-- figures stays: readers find these by the ranking.
local names_upwards, next_name = nil, 1
local function last_without_figures()
  names_upwards = names_upwards or redis.call('ZRANGE', ranking, 0, ranked - 1)
  while names_upwards[next_name] do
    local name = names_upwards[next_name]
    local attempts = redis.call('ZSCORE', ranking, name)
    if attempts and redis.call('EXISTS', task_hours_key(name, day)) == 0 then return name, tonumber(attempts) end
    next_name = next_name + 1
  end
end

-- Whether a task is among the busiest of today. Where as many as may be are ranked, each attempt of another takes one
-- from the last, which leaves at 0: so a busy task comes in, and many that run once do not displace others. Of those
-- with equally many attempts none has precedence: else each new name could have figures of its own.
local function is_busy(task, attempts)
  if not redis.call('ZSCORE', ranking, task) then
    if names >= ranked then
      local last, known = last_without_figures()
      if not last then return false end
      if known > tonumber(attempts) then
        redis.call('ZINCRBY', ranking, -attempts, last)
        return false
      end
      redis.call('ZREM', ranking, last)
    else
      names = names + 1
    end
  end
  local attempts_today = redis.call('ZINCRBY', ranking, attempts, task)
  if names == 1 then redis.call('EXPIRE', ranking, HOURS_TTL) end
  return names <= most or redis.call('ZCOUNT', ranking, attempts_today, '+inf') <= most
end

for i = counts_first, counts_last, TASK_COUNT.SIZE do
  local task, packed = ARGV[i + TASK_COUNT.task], ARGV[i + TASK_COUNT.figures]
  if task ~= others and not is_busy(task, ARGV[i + TASK_COUNT.attempts]) then task = others end
  add(task_minutes_key(task, hour), floor((now - hour) / 60), packed, MINUTES_TTL, task_minutes_key(task, hour - HOUR))
  add(task_hours_key(task, day), floor((now - day) / HOUR), packed, HOURS_TTL, task_hours_key(task, day - DAY))
end
