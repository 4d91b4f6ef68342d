-- needs: full time expect audit holds locations
-- A hold matches no job from now on: 1. Its jobs stay held until release_held.lua returns them. 2: it had ended before,
--   and is released at this rate from now on; 0: there is none. `only_empty`: 3 where it keeps jobs, and nothing is done;
--   of one that had ended the rate stays.

local function keeps_jobs(queue)
  local length = redis.pcall('LLEN', held_key(hold, queue))
  return wrong_type(length) or length > 0
end

expect_audit(op)
expect('hash', holds_key)
local _, now = server_time()
if only_empty then
  for i = queues_first, queues_last do
    if keeps_jobs(ARGV[i]) then return 3 end
  end
  -- A worker may have held a job of another queue since these were read.
  local cursor, page = '0', nil
  repeat
    page = redis.pcall('SSCAN', held_lists_key, cursor, 'MATCH', hold .. ':*', 'COUNT', 1000)
    if page.err then break end
    cursor = page[1]
    for _, name in ipairs(page[2]) do
      if keeps_jobs(string.sub(name, #hold + 2)) then return 3 end
    end
  until cursor == '0'
end
local rule = end_hold(hold, now, '', (author_of(about)), op, rate)
-- What a release has done is how many jobs it returned.
note(op, about, counts, rule and only_empty and 1 or 0, {}, 'running')
if rule then return 1 end
if only_empty then return rule_of_ended(hold) and 2 or 0 end
return note_release(hold, now, rate) and 2 or 0
