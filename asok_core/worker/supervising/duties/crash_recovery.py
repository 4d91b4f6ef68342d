"""Recovery of this worker's own processes: jobs of a dead one are returned before another replaces it."""

from __future__ import annotations

import math

from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.recovery import Recovery

RETRY = 1.0
"""Seconds after which it is tried again where it did not succeed."""


class CrashRecoveryDuty(Duty):
    """Due when it is hastened, as a process has died, and again after an error."""

    name = "recovery of dead processes"

    def __init__(self, processes: Processes, recovery: Recovery) -> None:
        super().__init__(interval=math.inf, backoff=RETRY)
        self._processes = processes
        self._recovery = recovery

    def run(self) -> None:
        """Recover each. Trouble with one must not keep the jobs of the next from being returned."""
        errors: list[Exception] = []
        for process in self._processes.unrecovered():
            try:
                self._recovery.process(process)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
            else:
                self._processes.note_recovered(process)
        if errors:
            raise errors[0]
