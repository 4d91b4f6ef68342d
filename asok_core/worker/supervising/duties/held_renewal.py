"""Renewal of the records of the jobs that this worker holds, however long they run."""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import HELD, renew_held
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.processes import Processes


class HeldRenewalDuty(Duty):
    """Renew them all each time."""

    name = "renewal of held jobs"

    def __init__(self, registry: Registry, processes: Processes) -> None:
        super().__init__(HELD)
        self._registry = registry
        self._processes = processes

    def run(self) -> None:
        """Renew them."""
        registry = self._registry
        lists = self._processes.active_lists()
        renew_held(registry.connection, registry.keys, lists, registry.between)
