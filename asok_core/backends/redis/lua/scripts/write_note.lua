-- needs: full time expect audit
-- Write or replace the note on a job, a queue or an error group; without a text remove it. Moves nothing.
--   `asok:notes` keeps MOST_NOTES; those on jobs that are older than NOTE_TTL are removed with each write.
-- Reply: 1 written or removed; 0 there is none to remove; 2 there are MOST_NOTES others.
expect_audit(op)
expect('hash', notes_key)
local _, now = server_time()
local function is_over(field, value)
  if string.sub(field, 1, 4) ~= 'job:' or #value > LARGEST_NOTE then return false end
  local ok, known = pcall(cjson.decode, value)
  return ok and type(known) == 'table' and type(known.at) == 'number' and known.at < now - NOTE_TTL
end
local function write()
  if text == '' then return redis.call('HDEL', notes_key, subject) end
  -- More than that were written by another program: they are not looked through.
  local fields = redis.call('HLEN', notes_key) <= MOST_NOTES and redis.call('HGETALL', notes_key) or {}
  for i = 1, #fields, 2 do
    if is_over(fields[i], fields[i + 1]) then redis.call('HDEL', notes_key, fields[i]) end
  end
  local is_new = not redis.call('HGET', notes_key, subject)
  if is_new and redis.call('HLEN', notes_key) >= MOST_NOTES then return 2 end
  local who = author_of(about)
  redis.call('HSET', notes_key, subject, cjson.encode({ text = text, who = who, at = now, about = shown }))
  return 1
end
local changed = write()
note(op, about, counts, changed == 1 and 1 or 0, changed == 2 and { [NOTES_FULL] = 1 } or {}, 'done')
return changed
