"""Which expired leases belong to dead workers: time alone does not show that.

All leases seem to expire at once when the clock of Redis is set forward, when Redis was away for longer
than a lease, or when it refused all writes; every live worker renews its lease as soon as it can. So a
lease counts as that of a dead worker when it was seen to expire while Redis answered and its clock
went at an ordinary pace, or when it has not been renewed for a while since it was first found expired.
"""

from __future__ import annotations

import math

from asok_core.backends.redis.consuming.leases import ExpiredLease, LeaseSnapshot

STEADY = 1.0
"""Seconds between two snapshots by the clock of Redis: it answered in between, and was not set."""
SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 10.0
"""Seconds that a live worker has to renew a lease that was found expired: it looks at its own as well."""
AGAIN = 5.0
"""Seconds after which a recovery that did not succeed is tried again."""


def pause(lease: float) -> float:
    """Seconds within which a live worker renews a lease of that length, once it can again."""
    return min(max(lease / 3, SHORTEST_PAUSE), LONGEST_PAUSE)


class LeaseExpiry:
    """Judges one snapshot of the leases after another; ``at`` is its monotonic time."""

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._since: dict[str, tuple[float, float]] = {}

    def reset(self) -> None:
        """Judge nothing by former snapshots: the lease of this worker had expired as well."""
        self._read_at = None
        self._since.clear()

    def dead(self, leases: LeaseSnapshot, at: float) -> list[ExpiredLease]:
        """The leases of workers that are dead; none while the worker that judges has no lease itself."""
        if not leases.leased:
            self.reset()
            return []
        before, self._read_at = self._read_at, leases.server_time
        gap = math.inf if before is None else leases.server_time - before
        former, self._since = self._since, {}
        found = []
        for each in leases.expired:
            until, since = former.get(each.worker, (None, at))
            steady = 0 <= gap <= max(each.length / 2, STEADY)
            if until != each.until or not steady:
                ran_out = steady and before is not None and before < each.until
                since = -math.inf if ran_out or each.proved else at
            wait = pause(each.length)
            if at - since >= wait:
                found.append(each)
                since = at - wait + AGAIN
            self._since[each.worker] = each.until, since
        return found
