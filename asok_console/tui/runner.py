"""Runs one operator's action at a time, on a thread, so that the screen stays alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from asok_console.tui.actions import Access
from asok_console.tui.plan import Plan
from asok_console.tui.told import told
from asok_core.backends.roles import CommandResult, Progress
from asok_core.canary import CanaryResult
from asok_core.errors import AsokError


@dataclass
class Progressed(Message):
    """A bulk action got further."""

    plan: Plan
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """Only the newest state is worth showing."""
        return isinstance(message, Progressed)


@dataclass
class Finished(Message):
    """An action ended. ``result`` is None where it failed; ``line`` says either, in its ``tone``."""

    plan: Plan
    result: CommandResult | None
    line: str
    tone: str = "bad"


class Runner:
    """Runs plans. ``post`` takes messages from any thread."""

    def __init__(self, access: Access, post: Callable[[Message], object]) -> None:
        self._access = access
        self._post = post
        self._halted = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether an action is running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, plan: Plan) -> None:
        """Run a plan. Not to be called while one is running."""
        self._halted.clear()
        self._thread = threading.Thread(
            target=self._run, args=(plan,), name="asok-action", daemon=True
        )
        self._thread.start()

    def halt(self) -> None:
        """Stop before the next batch. What is done stays done."""
        self._halted.set()

    def _run(self, plan: Plan) -> None:
        def watch(progress: Progress) -> bool:
            self._send(Progressed(plan, progress))
            return not self._halted.is_set()

        try:
            result = plan.action.perform(self._access, plan, watch)
        except AsokError as error:
            self._send(Finished(plan, None, str(error)))
        except Exception as error:  # noqa: BLE001 - told to the operator, whatever it is
            self._send(Finished(plan, None, f"{type(error).__name__}: {error}"))
        else:
            line, tone = told(plan, result)
            total = result.total if isinstance(result, CanaryResult) else result
            self._send(Finished(plan, total, line, tone))

    def _send(self, message: Message) -> None:
        try:
            self._post(message)
        except RuntimeError:
            # The console was closed; the batch that was under way is whole.
            self._halted.set()
