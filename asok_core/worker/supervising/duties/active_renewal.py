"""Renewal of the records of the jobs in the active lists of this worker, however long they run."""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import ACTIVE, renew_active
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.processes import Processes


class ActiveRenewalDuty(Duty):
    """Renew them all each time."""

    name = "renewal of active jobs"

    def __init__(self, registry: Registry, processes: Processes) -> None:
        super().__init__(ACTIVE)
        self._registry = registry
        self._processes = processes

    def run(self) -> None:
        """Renew them."""
        registry = self._registry
        lists = self._processes.active_lists()
        renew_active(registry.connection, registry.keys, lists, registry.between)
