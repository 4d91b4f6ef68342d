-- All notes of operators, if there are no more than they can have written. Writes nothing.
-- No note is sent where the digest is `known`. `number` is -1 where the key is not a hash, and -2 for a user
-- who has no right to it.
local number, digest, fields = redis.pcall('HLEN', notes_key), '', {}
if type(number) == 'table' then
  number = string.find(number.err, 'WRONGTYPE', 1, true) and -1 or -2
elseif number > 0 and number <= MOST_NOTES then
  fields = redis.call('HGETALL', notes_key)
  -- Another program may have written any of them at any size.
  for i = 1, #fields do fields[i] = string.sub(fields[i], 1, LARGEST_NOTE) end
  digest = redis.sha1hex(table.concat(fields, '\n'))
  if digest == known then fields = {} end
end
return reply { number = number, digest = digest, fields = fields }
