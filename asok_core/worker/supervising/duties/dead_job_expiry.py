"""Expiry of dead jobs that are older than ASOK_DLQ_MAX_AGE."""

from __future__ import annotations

from asok_core.backends.redis.consuming.dead_job_expiry import LONGEST, drop_aged
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.runtime.logs import safe_logger
from asok_core.worker.supervising.duties.duty import Duty

logger = safe_logger("asok.worker")

INTERVAL = 60.0


class DeadJobExpiryDuty(Duty):
    """Drop them, for ``longest`` seconds at most: the heartbeat must not wait for it."""

    name = "expiry of dead jobs"

    def __init__(
        self, registry: Registry, max_age: float, *, largest: int, longest: float = LONGEST
    ) -> None:
        super().__init__(INTERVAL)
        self._registry = registry
        self._max_age = max_age
        self._largest = largest
        self._longest = min(LONGEST, longest)

    def run(self) -> float | None:
        """Drop what is too old. It is due again at once where more of it may be left."""
        dropped, more = drop_aged(
            self._registry.connection,
            self._registry.keys,
            self._max_age,
            seconds=self._longest,
            largest=self._largest,
        )
        if dropped:
            logger.warning("Dropped %d dead jobs older than ASOK_DLQ_MAX_AGE", dropped)
        return 0.0 if more else None
