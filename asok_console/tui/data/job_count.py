"""Counts what an operation would be about while its answers are typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from asok_console.tui.data.reporting_thread import ReportingThread
from asok_console.tui.data.scanner import PAUSE
from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import Progress, Reader

TYPING = 0.3
"""Seconds without a change of the answers after which the count begins."""


@dataclass
class JobsCounted(Message):
    """What was counted, or how far the count is."""

    count: JobCount
    line: str
    done: bool = False


class JobCount(ReportingThread):
    """One count, for the answers of a plan. ``line`` is its result, '' before it."""

    def __init__(
        self, plan: OperationPlan, reader: Reader, post: Callable[[Message], object]
    ) -> None:
        super().__init__("asok-count", post, self._count, self._failed)
        self.plan = plan
        self.line = ""
        self._reader = reader

    def _count(self) -> JobsCounted | None:
        self.pause(TYPING)
        if self.given_up:
            return None
        self.line = self.plan.operation.preview(self._reader, self._watch)
        return JobsCounted(self, self.line, done=True)

    def _watch(self, progress: Progress) -> bool:
        self.report(
            JobsCounted(self, f"counting … {progress.scanned:,} of {progress.total:,} read")
        )
        self.pause(PAUSE)
        return not self.given_up

    def _failed(self, reason: str) -> JobsCounted:
        return JobsCounted(self, f"✗ not counted: {reason}", done=True)
