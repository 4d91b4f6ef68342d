-- needs: full time expect audit
-- The trash of a whole purge -> dead jobs, at the position they had: older than all that came
--   since. One RENAME where nothing or little came since; otherwise up to `most` jobs a call.
local trash = trash_key(undone)
expect_audit(op)
expect('list', dead_key)
expect('list', trash)
local restored, newer = redis.call('LLEN', trash), redis.call('LLEN', dead_key)
if restored == 0 then return reply { restored = 0, left = 0 } end
if newer <= most then
  for _ = 1, newer do redis.call('LMOVE', dead_key, trash, 'RIGHT', 'LEFT') end
  redis.call('RENAME', trash, dead_key)
  redis.call('PERSIST', dead_key)
else
  restored = math.min(restored, most)
  for _ = 1, restored do redis.call('LMOVE', trash, dead_key, 'LEFT', 'RIGHT') end
end
if redis.call('EXISTS', trash) == 0 then redis.call('DEL', trash_positions_key(undone)) end
note(op, about, counts, restored, {}, 'running')
return reply { restored = restored, left = redis.call('LLEN', trash) }
