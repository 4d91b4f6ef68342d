"""Recovery of active lists that no lease covers, which a slow scan of Redis finds."""

from __future__ import annotations

from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.recovery import Recovery


class OrphanRecoveryDuty(Duty):
    """One step of the scan each time."""

    name = "recovery of orphaned lists"

    def __init__(self, recovery: Recovery, interval: float) -> None:
        super().__init__(interval)
        self._recovery = recovery

    def run(self) -> None:
        """Scan one step, and return what was found long enough ago."""
        self._recovery.orphans()
