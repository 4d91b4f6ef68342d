"""The stack of a job while it is explained: its worker is asked again and again, on a thread."""

from __future__ import annotations

import threading
import time

from asok_console.presentation.text import error_text
from asok_core.backends.roles import Operator
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.operations.stacks import explains, stacks_beside

AGAIN = 5.0
"""Seconds after an answer from which the worker is asked again."""


class PolledStacks:
    """The answer of the last seconds. A worker may take seconds, for which nothing else may wait."""

    def __init__(self) -> None:
        self._attempt: object = None
        self._found: tuple[JobStack, ...] = ()
        self._due = 0.0
        self._thread: threading.Thread | None = None

    def now(
        self, operator: Operator | None, detail: JobDetail | None, snapshot: Snapshot
    ) -> tuple[JobStack, ...]:
        """The stack of a job that it may explain, and those beside it; none before the first answer.

        Without an ``operator`` no worker can be asked.
        """
        attempt = None
        if detail is not None and explains(detail, snapshot.taken_at):
            began = detail.record.started_at if detail.record is not None else None
            attempt = (detail.id, detail.process, began)
        if attempt != self._attempt:
            # What is known is of an attempt that is over.
            self._attempt, self._found, self._due = attempt, (), 0.0
        if detail is None or attempt is None:
            return ()
        if operator is None:
            return (JobStack(detail.id, problem="not read: this console is read-only"),)
        is_asking = self._thread is not None and self._thread.is_alive()
        if not is_asking and time.monotonic() >= self._due:
            self._thread = threading.Thread(
                target=self._ask, args=(operator, detail, snapshot, attempt), daemon=True
            )
            self._thread.start()
        return self._found

    def _ask(
        self, operator: Operator, detail: JobDetail, snapshot: Snapshot, attempt: object
    ) -> None:
        try:
            found = stacks_beside(operator, detail, snapshot)
        except Exception as error:  # noqa: BLE001 - shown on the screen, not written over it
            found = (JobStack(detail.id, problem=error_text(error)),)
        # Another attempt may have begun before the answer came.
        if attempt == self._attempt:
            self._found, self._due = found, time.monotonic() + AGAIN
