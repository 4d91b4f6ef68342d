"""The stack of a job while it is explained: its worker is asked again and again, on a thread."""

from __future__ import annotations

import threading
import time

from asok_core.backends.roles import Operator
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.operations.stacks import explains, stacks_beside

AGAIN = 5.0
"""Seconds after an answer from which the worker is asked again."""


class Stacks:
    """The answer of the last seconds. A worker may take seconds, for which nothing else may wait."""

    def __init__(self) -> None:
        self._found: tuple[JobStack, ...] = ()
        self._due = 0.0
        self._thread: threading.Thread | None = None

    def now(
        self, operator: Operator | None, detail: JobDetail | None, snapshot: Snapshot
    ) -> tuple[JobStack, ...]:
        """The stack of a job that it may explain, and those beside it; none before the first answer.

        Without an ``operator`` no worker can be asked.
        """
        if detail is None or not explains(detail, snapshot.taken_at):
            # What was found is of an attempt that is over.
            self._found, self._due = (), 0.0
            return ()
        if operator is None:
            return (JobStack(detail.id, problem="not read: this console is read-only"),)
        is_asking = self._thread is not None and self._thread.is_alive()
        if not is_asking and time.monotonic() >= self._due:
            self._thread = threading.Thread(
                target=self._ask, args=(operator, detail, snapshot), daemon=True
            )
            self._thread.start()
        return self._found

    def _ask(self, operator: Operator, detail: JobDetail, snapshot: Snapshot) -> None:
        self._found = stacks_beside(operator, detail, snapshot)
        self._due = time.monotonic() + AGAIN
