"""The history of queues: samples each minute, figures each hour, by one of all supervisors."""

from __future__ import annotations

from asok_core.backends.redis.consuming.queue_recorder import QueueRecorder
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.worker.config import WorkerConfig
from asok_core.worker.supervising.duties.duty import Duty

INTERVAL = 60.0


class QueueHistoryDuty(Duty):
    """One step each time, if no other supervisor does it."""

    name = "history of queues"

    def __init__(self, config: WorkerConfig, registry: Registry) -> None:
        super().__init__(INTERVAL, backoff=10.0)
        self._registry = registry
        self._recorder = QueueRecorder(registry.keys, config.worker, between=self._between)

    def run(self) -> float | None:
        """Do a step. It is due again when the next one is."""
        return self._recorder.step(self._registry.connection)

    def _between(self) -> None:
        # It is set when all duties are made.
        self._registry.between()
