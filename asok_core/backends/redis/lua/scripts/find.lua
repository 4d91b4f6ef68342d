-- needs: alias
-- Looks for a text in a range of a list or sorted set, but not in what is too large to be read. Writes nothing.
-- KEYS[1] the list or sorted set
-- ARGV    order (`left`, `right` or `score`, as window.lua has them), start, count, text
-- Reply   {looked at, index from start's end or -1, the item or '', its score or ''}
--         looked at < count: the bytes looked at reached their limit, or there are no more
local key, order, start, count, text = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local ENOUGH, STEP = 4194304, 32
local looked, bytes = 0, 0
while looked < count and bytes < ENOUGH do
  local from, n = start + looked, math.min(STEP, count - looked)
  local items
  if order == 'left' then
    items = redis.call('LRANGE', key, from, from + n - 1)
  elseif order == 'right' then
    items = redis.call('LRANGE', key, -(from + n), -(from + 1))
  else
    items = redis.call('ZRANGE', key, from, from + n - 1)
  end
  for i, item in ipairs(items) do
    if #item <= MOST_READ and string.find(item, text, 1, true) then
      local index = from + (order == 'right' and #items - i or i - 1)
      local score = order == 'score' and redis.call('ZSCORE', key, item) or ''
      return { looked + n, index, item, score }
    end
    bytes = bytes + #item
  end
  looked = looked + #items
  if #items < n then break end
end
return { looked, -1, '', '' }
