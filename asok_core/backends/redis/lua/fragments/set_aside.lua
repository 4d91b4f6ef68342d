-- needs: record head_id status stats locations failure_notices
--   set aside: pending, delayed or active -> asok:oversized:{SHA-1}, the bytes as they are, and a small dead job
--   instead of them that describes them.
-- Nothing reads an oversized element after that: it is not sent to a worker, not parsed and not copied into a
-- dead job, where JSON could make six bytes of one, and more than Redis accepts of the whole.
-- set_aside(queue, item, largest, now, remove): remove: takes the item from where it was, called last.
--   largest: bytes up to which an element is an envelope; now: epoch seconds.
--   Reply: its SHA-1; nil where the key of the dead jobs is not a list, or this script has set aside MOST_ASIDE bytes
--   already and is to be called again (has_done_enough), and nothing has moved. Each megabyte takes about 5 ms.
-- The record of a job that has not ended says `failed` and why. Which job it is, is known where the text is ours
-- and begins with its id; of another text it is not, and the dead job says so. Nothing verifies the signature: a
-- client that can write an entry can write the record as well.
-- It frees its unique key, which would outlive that record by weeks: in our text it is the last of the job.
-- The script calls write_recent afterwards.
-- The key lasts OVERSIZED_TTL from its newest element. The dead job is one that was rejected: it makes no room for
-- others, and nothing requeues it.
local MOST_ASIDE = 33554432
local bytes_aside = 0

local function has_done_enough() return bytes_aside >= MOST_ASIDE end

-- The id, where it can be written into JSON and into a line as it is.
local function plain_id(item)
  local id = head_id(item)
  return id and #id <= 128 and not string.find(id, '[^%w_.:-]') and id or nil
end

local function plain_unique(item)
  return string.match(string.sub(item, -1024), '\\"unique\\": \\"([^"\\]+)\\"}", "sig": "%x+"}$') or ''
end

local function set_aside(queue, item, largest, now, remove)
  local kind = redis.call('TYPE', dead_key).ok
  if has_done_enough() or kind ~= 'list' and kind ~= 'none' then return nil end
  local sha1 = redis.sha1hex(item)
  local key = oversized_key(sha1)
  bytes_aside = bytes_aside + #item
  if not pushed('LPUSH', key, item) then
    -- Only another program can have put anything else there.
    redis.call('DEL', key)
    redis.call('LPUSH', key, item)
  end
  redis.call('EXPIRE', key, OVERSIZED_TTL)
  -- Not every name that another program gave to a queue is UTF-8, as JSON must be.
  local name = string.gsub(string.sub(queue, 1, 200), '[\128-\255]', '?')
  local reason = string.format('Oversized: %d bytes, more than ASOK_MAX_ENVELOPE (%d); SHA-1 %s', #item, largest, sha1)
  local id = plain_id(item)
  local which = id and '; job ' .. id or '; its job id is not known'
  local dead_job = string.format('{"v": 1, "oversized": {"size": %d, "sha1": "%s", "until": %.0f, "queue": %s}, '
    .. '"failed_at": %.6f, "error": "%s", "traceback": "", "rejected": true}',
    #item, sha1, now + OVERSIZED_TTL, cjson.encode(name), now, reason .. which)
  push_dead(dead_job, false)
  remove()
  if id and status_of(id) and not has_ended(id) then
    local moment = string.format('%.6f', now)
    write_record(id, { 'status', 'failed', 'ts', moment, 'finished_at', moment, 'error', reason,
      'error_line', reason, 'result', '' })
    finish(id, plain_unique(item), 'failed')
  end
  push_notice(queue, '0', dead_job, now)
  tally(queue, 'dead', 1)
  tally(queue, 'failed', 1)
  return sha1
end
