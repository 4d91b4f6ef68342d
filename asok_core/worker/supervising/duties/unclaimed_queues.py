"""Oversized entries at the head of queues from which no worker may claim: they are set aside."""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.unclaimed import UnclaimedCheck
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.supervising.duties.duty import Duty

INTERVAL = 5.0


class UnclaimedQueuesDuty(Duty):
    """Look at some of these queues each time."""

    name = "look at unclaimed queues"

    def __init__(self, config: WorkerConfig, registry: Registry) -> None:
        super().__init__(INTERVAL)
        self._registry = registry
        self._unclaimed = UnclaimedCheck(registry.keys, largest=config.settings.largest_envelope)

    def run(self) -> None:
        """Look once."""
        log_set_aside(self._unclaimed.set_aside_oversized(self._registry.connection))
