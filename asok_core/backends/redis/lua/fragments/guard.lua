-- Whether what a worker held may be taken over.
-- is_guarded(guard, by, now): guard: the worker whose lease must have run out, '' when its process is known to be
--   dead; by: the worker that takes over, whose own lease must be alive at the same instant; now: epoch seconds.
local function leased(worker, now)
  local lease = redis.call('ZSCORE', workers_key, worker)
  return lease and tonumber(lease) > now * 1000
end

-- When the clock is set forward all leases run out at once: a worker without a lease must not take over from others.
local function is_guarded(guard, by, now)
  return guard ~= '' and (leased(guard, now) or not leased(by, now))
end
