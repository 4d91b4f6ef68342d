-- bounded(out, item, whole): append to `out` three values: the item's size in bytes, the item (its
-- first eighth of `whole` bytes when it is larger than `whole`), and then its last quarter ('' when
-- it is whole). Job ids, names and errors are near the two ends of what is too large to send.
local function bounded(out, item, whole)
  local size, n = #item, #out
  out[n + 1] = size
  if size <= whole then
    out[n + 2], out[n + 3] = item, ''
  else
    out[n + 2] = string.sub(item, 1, math.floor(whole / 8))
    out[n + 3] = string.sub(item, -math.floor(whole / 4))
  end
end
