-- Figures of tasks as bytes (packed_figures.py).
-- numbers_of(packed), sum_of(a, b): their numbers, and the sum of two, packed.
-- dense_of(numbers, bucket): a dense entry, to which nothing can be added (dense_figures.py).
local COUNTS, BUCKETS, LARGEST_SCALE, MOST, LARGEST_SUM, LARGEST_DENSE = 7, 128, 8 ^ 18, 2 ^ 48 - 1, 2 ^ 46, 511

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
    local two = string.byte(packed, i)
    digit(math.floor(two / 16))
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
      digits[n], rest = rest % 8 + 8, math.floor(rest / 8)
    end
    n = n + 1
    digits[n] = rest
  end
  local bytes = {}
  for i = 1, n, 2 do bytes[(i + 1) / 2] = digits[i] * 16 + (digits[i + 1] or 8) end
  return string.char(unpack(bytes))
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

-- Whole numbers as numbers from 0: those near to 0 stay small.
local function unsigned(number) return number < 0 and -2 * number - 1 or 2 * number end

local POWER = {[0] = 1}
for i = 1, 53 do POWER[i] = POWER[i - 1] * 2 end

-- How many bits a number has behind its highest; `about` may be near to that.
local function bits_behind(number, about)
  local length = about or 0
  while number < POWER[length] do length = length - 1 end
  while number >= POWER[length + 1] do length = length + 1 end
  return length
end

local function dense_of(numbers, bucket)
  local floor, from = math.floor, COUNTS + 2
  local started, completed, failed, retried, cancelled, run_us, size = unpack(numbers, 1, COUNTS)
  local heads, values, n, in_runs = {}, {}, 5, 0
  for histogram = 1, 2 do
    -- One has a bucket at least.
    local buckets = math.max(1, numbers[from])
    heads[histogram] = numbers[from - 1] % BUCKETS * BUCKETS + buckets - 1
    for i = 1, buckets do values[n + i] = i <= numbers[from] and numbers[from + i] or 0 end
    if histogram == 1 then
      for i = n + 1, n + buckets do in_runs = in_runs + values[i] end
    end
    n, from = n + buckets, from + numbers[from] + 2
  end
  local ended = completed + failed + cancelled
  if math.max(ended, in_runs, unpack(numbers)) > LARGEST_SUM then return nil end
  values[1], values[2], values[3] = unsigned(started - ended), unsigned(ended - in_runs), cancelled
  values[4], values[5] = unsigned(failed - retried), failed

  local bytes, rest, scale = {}, 0, 1
  -- Append a number of 32 bits at most.
  local function put(number, length)
    local power = POWER[length]
    rest, scale = rest * power + number, scale * power
    while scale >= 256 do
      scale = scale / 256
      local byte = floor(rest / scale)
      bytes[#bytes + 1], rest = byte, rest - byte * scale
    end
  end
  local function put_long(number, length)
    if length > 32 then
      put(floor(number / POWER[32]), length - 32)
      number, length = number % POWER[32], 32
    end
    put(number, length)
  end

  local run_bits, size_bits = bits_behind(run_us * 2 + 1), bits_behind(size * 2 + 1)
  put(run_bits * 64 + size_bits, 12)
  put(heads[1], 14)
  put(heads[2], 14)
  local lengths, before = {}, 0
  for i = 1, n do
    local length = bits_behind(values[i] + 1, before)
    local ones = unsigned(length - before)
    lengths[i], before = length, length
    while ones > 31 do
      put(POWER[31] - 1, 31)
      ones = ones - 31
    end
    put(POWER[ones + 1] - 2, ones + 1)
  end
  for i = 1, n do put_long(values[i] + 1 - POWER[lengths[i]], lengths[i]) end
  put_long(run_us, run_bits)
  put_long(size, size_bits)
  if scale > 1 then put(0, bits_behind(256 / scale)) end
  if #bytes > LARGEST_DENSE then return nil end
  bytes[#bytes + 1], bytes[#bytes + 2] = 128 + bucket * 2 + floor(#bytes / 256), #bytes % 256
  return string.char(unpack(bytes))
end
