-- Fragment (put before a script that says `needs: guard`): whether what a worker held may be taken over.
-- is_guarded(ns, guard, by, now): guard: the worker whose lease must have run out, '' when its process is known
--   dead; by: the worker that takes over, whose own lease must be alive at the same instant; now: epoch seconds.
local function leased(ns, worker, now)
  local lease = redis.call('ZSCORE', ns .. ':workers', worker)
  return lease and tonumber(lease) > now * 1000
end

-- When the clock is set forward all leases run out at once: a worker without a lease must not take over from others.
local function is_guarded(ns, guard, by, now)
  return guard ~= '' and (leased(ns, guard, now) or not leased(ns, by, now))
end
