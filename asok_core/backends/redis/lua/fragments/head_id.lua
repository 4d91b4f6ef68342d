-- head_id(envelope): the id of a job and the version of its envelope, where the text is ours: it begins with its id,
--   so that nothing is decoded. nil for other texts.
local HEADS = { ['{"v": 1, "job": "{\\"id\\": \\"'] = 1, ['{"v": 2, "job": "{\\"id\\": \\"'] = 2 }
local HEAD_SIZE, LONGEST_HEAD_ID = 28, 1024

local function head_id(envelope)
  local head = string.sub(envelope, 1, HEAD_SIZE + LONGEST_HEAD_ID)
  local version = HEADS[string.sub(head, 1, HEAD_SIZE)]
  local last = version and string.find(head, '\\"', HEAD_SIZE + 1, true)
  if not last then return end
  local id = string.sub(head, HEAD_SIZE + 1, last - 1)
  if id ~= '' and not string.find(id, '["\\]') then return id, version end
end
