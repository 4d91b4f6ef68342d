-- needs: full time expect audit holds locations
-- A hold matches no job from now on: 1. Its jobs stay held until release_held.lua gives them back. 2: it had ended
--   before, and still has jobs or not; 0: there is none. `only_empty`: 3 where it holds jobs, and nothing is done.
expect_audit(op)
expect('hash', holds_key)
local _, now = server_time()
if only_empty then
  for i = queues_first, queues_last do
    local length = redis.pcall('LLEN', held_key(hold, ARGV[i]))
    if wrong_type(length) or length > 0 then return 3 end
  end
end
local rule = end_hold(hold, now, '', (author_of(about)), op)
-- What a release has done is how many jobs it gave back.
note(op, about, counts, rule and only_empty and 1 or 0, {}, 'running')
if rule then return 1 end
return redis.call('HEXISTS', holds_key, 'ended:' .. hold) == 1 and 2 or 0
