"""Promotion: delayed jobs whose time has come go to their queues."""

from __future__ import annotations

from asok_core.backends.redis.consuming.promotion import LONGEST, promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.supervising.duties.duty import Duty

INTERVAL = 1.0
"""Seconds at most: the retries of a foreign worker are not announced."""


class PromotionDuty(Duty):
    """Promote what is due, for ``longest`` seconds at most: the heartbeat must not wait for it."""

    name = "promotion"

    def __init__(self, config: WorkerConfig, registry: Registry, longest: float = LONGEST) -> None:
        super().__init__(INTERVAL)
        self._config = config
        self._registry = registry
        self._longest = min(LONGEST, longest)

    def run(self) -> float | None:
        """Promote, and end pauses of queues. It is due again when the next of either is."""
        done = promote_due(
            self._registry.connection,
            self._registry.keys,
            by=self._config.worker,
            seconds=self._longest,
            largest=self._config.settings.largest_envelope,
        )
        log_set_aside(done.aside)
        if done.next_due_in is None:
            return None
        return min(max(0.0, done.next_due_in), INTERVAL)
