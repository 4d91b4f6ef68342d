"""Runs operations on threads, beside each other, so that the screen stays responsive."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.message import Message

from asok_console.presentation.text import error_text
from asok_console.tui.actions.results import outcome_line
from asok_console.tui.catalog.plan import Plan
from asok_core.backends.roles import CommandResult, Progress
from asok_core.operations.catalog.entry import Access
from asok_core.operations.catalog.results import total_of


@dataclass
class OperationProgressed(Message):
    """Progress of the operation ``run``."""

    run: int
    plan: Plan
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """Only the newest state of each is worth showing."""
        return isinstance(message, OperationProgressed) and message.run == self.run


@dataclass
class OperationFinished(Message):
    """The operation ``run`` ended: ``line`` and ``tone`` report it; ``result`` is None where it failed."""

    run: int
    plan: Plan
    result: CommandResult | None
    line: str
    tone: str = "bad"


@dataclass(eq=False)
class Run:
    """One operation that runs."""

    number: int
    plan: Plan
    halted: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.thread is not None and self.thread.is_alive()


class Runner:
    """Runs plans. ``post`` takes messages from any thread."""

    def __init__(self, access: Access, post: Callable[[Message], object]) -> None:
        self._access = access
        self._post = post
        self._runs: list[Run] = []
        self._numbers = itertools.count(1)

    @property
    def running(self) -> list[Run]:
        """What runs now, the oldest first."""
        self._runs = [run for run in self._runs if run.alive]
        return list(self._runs)

    @property
    def busy(self) -> bool:
        """Whether an operation is running."""
        return bool(self.running)

    @property
    def next_to_halt(self) -> int | None:
        """The number of what ``halt`` would stop."""
        return next((run.number for run in self.running[::-1] if not run.halted.is_set()), None)

    def start(self, plan: Plan) -> int:
        """Run a plan beside what runs already. Returns its number."""
        run = Run(next(self._numbers), plan)
        run.thread = threading.Thread(
            target=self._run, args=(run,), name=f"asok-action-{run.number}", daemon=True
        )
        self._runs.append(run)
        run.thread.start()
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

    def _run(self, run: Run) -> None:
        plan = run.plan

        def watch(progress: Progress) -> bool:
            self._send(run, OperationProgressed(run.number, plan, progress))
            return not run.halted.is_set()

        try:
            result = plan.operation.perform(self._access, plan.scope, watch)
        except Exception as error:  # noqa: BLE001 - shown to the operator, whatever it is
            line = _failure(plan, error_text(error))
            self._send(run, OperationFinished(run.number, plan, None, line))
        else:
            line, tone = outcome_line(plan, result)
            self._send(run, OperationFinished(run.number, plan, total_of(result), line, tone))

    def _send(self, run: Run, message: Message) -> None:
        try:
            self._post(message)
        except RuntimeError:
            # The console was closed; the batch that was under way is whole.
            run.halted.set()


def _failure(plan: Plan, reason: str) -> str:
    """What failed, and why: others may run or have ended beside it."""
    return f"{plan.phrase}: {reason}"
