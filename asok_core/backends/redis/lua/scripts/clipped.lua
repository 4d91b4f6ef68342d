-- Runs one reading command, and cuts each text of its reply: another program may have written any of them at any
-- size. Writes nothing.
-- ARGV: bytes up to which a text is sent whole, command, arguments ...
-- Reply: that of the command; where it is an error, that error
local most = tonumber(ARGV[1])

local function cut(reply)
  if type(reply) == 'string' then return string.sub(reply, 1, most) end
  if type(reply) == 'table' and not reply.err and not reply.ok then
    for i = 1, #reply do reply[i] = cut(reply[i]) end
  end
  return reply
end

return cut(redis.pcall(unpack(ARGV, 2)))
