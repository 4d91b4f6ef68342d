-- needs: full locations packed_figures
-- Add what tasks did to their blocks of figures (packed_figures.py), those of this minute and of this hour. Moves no job.
local TRAILER, TAIL, LARGEST = 3, 160, 131072
local HOUR, DAY, MINUTES_TTL, HOURS_TTL = 3600, 86400, 90000, 1296000
local byte, char, floor = string.byte, string.char, math.floor

local function entry(packed, bucket) return packed .. char(bucket, floor(#packed / 256), #packed % 256) end

-- A string grows into room that is twice its size: one that is complete is written again without it.
local function compact(key)
  local whole = redis.pcall('GETRANGE', key, 0, LARGEST)
  if type(whole) == 'string' and #whole > 0 and #whole <= LARGEST then redis.call('SET', key, whole, 'KEEPTTL') end
end

-- Begin an entry of a block, whose last one, of `size` bytes and the figures `known`, is complete. Reply: the block's length.
local function begin(key, bucket, packed, known, size, last)
  local dense = known and dense_of(known, last)
  local whole = dense and redis.call('GETRANGE', key, 0, LARGEST)
  if not whole or #whole > LARGEST then return redis.call('APPEND', key, entry(packed, bucket)) end
  whole = string.sub(whole, 1, #whole - size) .. dense .. entry(packed, bucket)
  redis.call('SET', key, whole, 'KEEPTTL')
  return #whole
end

-- Add figures to a block; `former` is the key of the block before it. A key of another type costs the figures.
local function add(key, bucket, packed, ttl, former)
  local tail = redis.pcall('GETRANGE', key, -TAIL, -1)
  if wrong_type(tail) then return end
  local n, known, size, last = #tail, nil, 0, 0
  if n > TRAILER then
    size, last = byte(tail, n - 1) * 256 + byte(tail, n) + TRAILER, byte(tail, n - 2)
    if size > n and n == TAIL then
      tail = redis.call('GETRANGE', key, -size, -1)
      n = #tail
    end
    known = size <= n and numbers_of(string.sub(tail, n - size + 1, n - TRAILER))
  end
  -- A clock that is set back adds to what is the newest.
  local more = known and last >= bucket and numbers_of(packed)
  if more then
    local length = redis.call('STRLEN', key)
    redis.call('SETRANGE', key, length - size, entry(sum_of(known, more), last))
  elseif begin(key, bucket, packed, last < bucket and known, size, last) == #packed + TRAILER then
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
