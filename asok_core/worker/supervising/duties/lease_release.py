"""The end of a worker: what its processes left is returned, and then the lease is given up."""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.worker.config import WorkerConfig
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.recovery import Recovery


class LeaseReleaseDuty(Duty):
    """Done when all processes have ended: the worker stops for ``reason``.

    ``released`` is whether Redis has neither jobs of this worker nor its lease.
    """

    name = "release of the lease"

    def __init__(
        self,
        config: WorkerConfig,
        registry: Registry,
        *,
        processes: Processes,
        recovery: Recovery,
        reason: str,
    ) -> None:
        super().__init__(interval=0.0)
        self.released = False
        self._worker = config.worker
        self._registry = registry
        self._processes = processes
        self._recovery = recovery
        self._reason = reason

    def run(self) -> None:
        """Return what is left, and give the lease up."""
        self._recovery.rest_of(self._processes)
        lists = [self._registry.keys.active(*each) for each in self._processes.active_lists()]
        self.released = self._registry.leave(self._worker, lists, reason=self._reason)
