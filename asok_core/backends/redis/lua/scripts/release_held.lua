-- needs: full time expect audit holds return_jobs
-- Held -> pending, some of the jobs of a queue that a hold keeps; see return_jobs.lua. One batch, one step.
expect_audit(op)
expect('list', held_key(hold, queue))
local stamp, now = server_time()
local returned, last = return_jobs(hold, queue, count, behind, stamp, (author_of(about)))
note_release(hold, now, rate)
local refused = returned and {} or { [REFUSALS[2]] = 1 }
note(op, about, counts, returned or 0, refused, 'running')
return reply { returned = returned or -1, left = redis.call('LLEN', held_key(hold, queue)), last = last }
