-- needs: full time expect audit
-- restore: the trash of a whole purge -> dead letters, in the place they had: older than all that came
--   since. One RENAME where nothing or little came since; otherwise up to `most` letters a call.
-- ARGV: ns, op, about, counts (audit), purged operation, most
-- Reply: { restored, left in the trash }
local ns, op, most = ARGV[1], ARGV[2], tonumber(ARGV[6])
local dead, trash = ns .. ':dlq', ns .. ':trash:' .. ARGV[5]
expect_audit(ns, op)
expect('list', dead)
expect('list', trash)
local restored, newer = redis.call('LLEN', trash), redis.call('LLEN', dead)
if restored == 0 then return { 0, 0 } end
if newer <= most then
  for _ = 1, newer do redis.call('LMOVE', dead, trash, 'RIGHT', 'LEFT') end
  redis.call('RENAME', trash, dead)
  redis.call('PERSIST', dead)
else
  restored = math.min(restored, most)
  for _ = 1, restored do redis.call('LMOVE', trash, dead, 'LEFT', 'RIGHT') end
end
if redis.call('EXISTS', trash) == 0 then redis.call('DEL', trash .. ':at') end
note(ns, op, ARGV[3], ARGV[4], restored, {}, 'running')
return { restored, redis.call('LLEN', trash) }
