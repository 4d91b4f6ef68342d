-- needs: alias
-- outline(out, item, whole, sum): append to `out` four values: the size of an envelope or dead job in bytes, a
--   text, a rest, and a SHA-1. Up to `whole` bytes: the item, '' and ''. Larger: its outline, the beginning of
--   its arguments, and where `sum` is true the SHA-1 of the item. Not readable: '', its beginning, its SHA-1.
--   Too large to be read: its alias, '' and ''.
--   Returns how many bytes of work this was, for a script that limits its time.
-- An outline is the same JSON with empty arguments, no traceback and an error of at most ERROR bytes, so that
-- a reader of envelopes reads outlines too. Cutting the text takes 30 microseconds for 100 KiB, decoding it
-- takes 400: so the text is decoded only where it could be cut in more than one way.
local ERROR, OUTLINE, BEGINNING, LONGEST_ID, LONGEST_HEAD = 2000, 16384, 1024, 128, 400
local SCALARS = { 'v', 'sig', 'failed_at', 'error', 'id', 'module', 'function', 'queue', 'retries',
  'retry_count', 'backoff', 'enqueued_at', 'due_at', 'timeout', 'hard_timeout', 'unique' }

local REJECTED = '", "rejected": true}'

-- The first `most` bytes of a JSON string, without half an escape or half a character at its end.
local function clip(text, most)
  if #text <= most then return text end
  text = string.gsub(string.sub(text, 1, most), '[\192-\247]?[\128-\191]*$', '')
  text = string.gsub(string.gsub(text, '\\u%x?%x?%x?$', ''), '\\u[dD][89abAB]%x%x$', '')
  local slashes = #string.match(text, '\\*$')
  return slashes % 2 == 1 and string.sub(text, 1, -2) or text
end

-- The position of `words`, if they occur exactly once from there on.
local function only(text, words, from)
  local first, last = string.find(text, words, from, true)
  if first and not string.find(text, words, last, true) then return first end
end

-- The end of an envelope, with its error cut and its traceback taken out.
local function ending(text)
  local _, error_at = string.find(text, ', "error": "', 1, true)
  if not error_at then return text end
  local last, traceback_at = string.find(text, '", "traceback": "', error_at, true)
  local close = string.sub(text, -#REJECTED) == REJECTED and REJECTED or '"}'
  local message = string.sub(text, error_at + 1, (last or #text - #close + 1) - 1)
  local traceback = last and string.sub(text, last, traceback_at) or ''
  return string.sub(text, 1, error_at) .. clip(message, ERROR) .. traceback .. close
end

-- An item in the layout that this project (the id, then the other keys sorted) and the framework (all keys
-- sorted) write: `args` before all that is kept but the id. A text of arguments is quoted one level deeper and
-- cannot look like a key; an object in them can, and then the key is found twice.
local function cut(item)
  local first, last, quote = string.find(string.sub(item, 1, LONGEST_HEAD), '(\\*")args%1: %[')
  if not first then return end
  local head = string.gsub(string.sub(item, 1, first - 1), '(\\*")id%1: %1[^"\\]*%1, $', '')
  if string.find(head, '[^{"\\v: 12,jobraw]') then return end
  local function key(before, name, after) return before .. quote .. name .. quote .. after end
  local backoff = only(item, key('], ', 'backoff', ': '), last)
  local _, kwargs = string.find(item, key(', ', 'kwargs', ': {'), backoff or #item, true)
  local module = kwargs and only(item, key('}, ', 'module', ': '), kwargs)
  if not module then return end
  local text = string.sub(item, 1, last) .. string.sub(item, backoff, kwargs) .. ending(string.sub(item, module))
  local beginning = backoff - last > 1 and string.sub(item, last, last + BEGINNING)
    or string.sub(item, kwargs, kwargs + BEGINNING)
  return text, beginning
end

local function decoded(text)
  local ok, fields = pcall(cjson.decode, text)
  return ok and type(fields) == 'table' and fields or nil
end

local function is_whole_number(value) return value == nil or type(value) == 'number' and value % 1 == 0 end

-- Whether these are the fields of a job, as job_text.py checks them.
local function is_job(fields)
  for _, name in ipairs({ 'id', 'module', 'function' }) do
    if type(fields[name]) ~= 'string' then return false end
  end
  return #fields.id > 0 and #fields.id <= LONGEST_ID and type(fields.args) == 'table'
    and type(fields.kwargs) == 'table' and (fields.queue == nil or type(fields.queue) == 'string')
    and is_whole_number(fields.retries) and is_whole_number(fields.retry_count)
    and (fields.backoff == nil or type(fields.backoff) == 'number')
end

-- Whether a text is still JSON with a job in it, after it was cut.
local function is_outline(text)
  local fields = text and #text <= OUTLINE and decoded(text)
  while fields and type(fields.args) ~= 'table' do
    local inner = fields.raw or fields.job
    fields = type(inner) == 'string' and decoded(inner)
  end
  return fields and is_job(fields)
end

local function summed_up(text)
  local fields, out = decoded(text), {}
  if not fields then return end
  for _, name in ipairs(SCALARS) do
    local kind = type(fields[name])
    if kind == 'string' or kind == 'number' then out[name] = fields[name] end
  end
  if type(out.error) == 'string' then out.error = clip(out.error, ERROR) end
  for _, name in ipairs({ 'raw', 'job' }) do
    if type(fields[name]) == 'string' then
      out[name] = summed_up(fields[name])
      return out[name] and cjson.encode(out)
    end
  end
  if type(fields.args) ~= 'table' or type(fields.kwargs) ~= 'table' then return end
  out.args, out.kwargs = { 0 }, {}
  return cjson.encode(out)
end

local function outline(out, item, whole, sum)
  local size, n, work = #item, #out, #item
  local text, rest, sha1 = item, '', ''
  if size > MOST_READ then
    text = alias(item)
  elseif size > whole then
    text, rest = cut(item)
    if not is_outline(text) then
      text, rest, work = summed_up(item), string.sub(item, 1, BEGINNING), 16 * size
      if not is_outline(text) then text, sum = '', true end
    end
    if sum then sha1 = redis.sha1hex(item) end
  end
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = size, text, rest, sha1
  return work
end
