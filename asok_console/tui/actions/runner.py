"""Runs operations on threads, beside each other, so that the screen stays responsive."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from asok_console.presentation.text import error_text
from asok_console.tui.actions.results import outcome_line
from asok_console.tui.data.reporting_thread import ReportingThread
from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import OperationResult, Progress
from asok_core.operations.catalog.entry import Access, FollowUp
from asok_core.operations.catalog.results import total_of


@dataclass
class OperationProgressed(Message):
    """Progress of the operation ``run``."""

    run: int
    plan: OperationPlan
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """Only the newest state of each is worth showing."""
        return isinstance(message, OperationProgressed) and message.run == self.run


@dataclass
class OperationFinished(Message):
    """The operation ``run`` ended: ``line`` and ``tone`` report it; ``result`` is None where it failed."""

    run: int
    plan: OperationPlan
    result: OperationResult | None
    line: str
    tone: str = "bad"


class OperationRun(ReportingThread):
    """One operation that runs. It is ``halted`` before its next batch."""

    def __init__(
        self, number: int, plan: OperationPlan, access: Access, post: Callable[[Message], object]
    ) -> None:
        super().__init__(f"asok-action-{number}", post, self._perform, self._failed)
        self.number = number
        self.plan = plan
        self.halted = threading.Event()
        self._access = access

    def _perform(self) -> OperationFinished:
        plan = self.plan
        result = plan.operation.perform(self._access, plan.scope, self._watch)
        line, tone = outcome_line(plan, result)
        further = self._follow_up(total_of(result))
        if further.words:
            line, tone = f"{line}; {further.words}", tone if further.whole else "warn"
        return OperationFinished(self.number, plan, total_of(result), line, tone)

    def _follow_up(self, result: OperationResult) -> FollowUp:
        try:
            return self.plan.operation.follow_up(self._access, result)
        except Exception as error:  # noqa: BLE001 - what was done is reported, whatever failed behind it
            words = f"whether it has taken effect is not known: {error_text(error)}"
            return FollowUp(words, whole=False)

    def _watch(self, progress: Progress) -> bool:
        self.report(OperationProgressed(self.number, self.plan, progress))
        # Where the console was closed, the batch that was under way is whole.
        return not (self.halted.is_set() or self.given_up)

    def _failed(self, reason: str) -> OperationFinished:
        # What failed, and why: others may run or have ended beside it.
        return OperationFinished(self.number, self.plan, None, f"{self.plan.phrase}: {reason}")


class Runner:
    """Runs plans. ``post`` takes messages from any thread."""

    def __init__(self, access: Access, post: Callable[[Message], object]) -> None:
        self._access = access
        self._post = post
        self._runs: list[OperationRun] = []
        self._numbers = itertools.count(1)

    @property
    def running(self) -> list[OperationRun]:
        """What runs now, the oldest first."""
        self._runs = [run for run in self._runs if run.is_alive()]
        return list(self._runs)

    @property
    def busy(self) -> bool:
        """Whether an operation is running."""
        return bool(self.running)

    @property
    def next_to_halt(self) -> int | None:
        """The number of what ``halt`` would stop."""
        return next((run.number for run in self.running[::-1] if not run.halted.is_set()), None)

    def start(self, plan: OperationPlan) -> int:
        """Run a plan beside what runs already. Returns its number."""
        run = OperationRun(next(self._numbers), plan, self._access, self._post)
        self._runs.append(run)
        run.start()
        return run.number

    def halt(self) -> None:
        """Stop the operation that was started last before its next batch. Finished batches stay."""
        for run in self.running[::-1]:
            if not run.halted.is_set():
                run.halted.set()
                return

    def halt_all(self) -> None:
        """Stop every operation before its next batch."""
        for run in self.running:
            run.halted.set()
