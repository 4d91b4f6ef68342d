-- Run one reading command, and cut each text of its reply: another program may have written any of them at any
-- size. Writes nothing. Where the reply of the command is an error, so is that of the script.
local function cut(reply)
  if type(reply) == 'string' then return string.sub(reply, 1, most) end
  if type(reply) == 'table' and not reply.err and not reply.ok then
    for i = 1, #reply do reply[i] = cut(reply[i]) end
  end
  return reply
end

return cut(redis.pcall(unpack(ARGV, words_first, words_last)))
