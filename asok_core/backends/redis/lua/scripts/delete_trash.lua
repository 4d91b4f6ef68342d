-- needs: full time expect audit
-- Trash of one operation -> deleted for good. UNLINK needs no memory, and frees it in the background.
local trash = trash_key(emptied)
expect_audit(op)
expect('list', trash)
local deleted = redis.call('LLEN', trash)
redis.call('UNLINK', trash, trash_positions_key(emptied))
note(op, about, counts, deleted, {}, 'running')
return deleted
