"""Recovery of other workers: of those whose lease has expired, and those beside this one that are dead."""

from __future__ import annotations

from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.recovery import Recovery

INTERVAL = 0.4
"""Seconds between two looks at the leases of all workers."""


class LeaseRecoveryDuty(Duty):
    """Return what dead workers held. ``heartbeat`` is hastened where this worker has no lease itself."""

    name = "recovery of other workers"

    def __init__(self, recovery: Recovery, heartbeat: Duty) -> None:
        super().__init__(INTERVAL)
        self._recovery = recovery
        self._heartbeat = heartbeat

    def run(self) -> None:
        """Look at all leases once."""
        if not self._recovery.others():
            # The clock of Redis was set forward, or the lease was removed.
            self._heartbeat.hasten()
