"""Where the code of a running job is: its worker is asked, and answers within a moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from asok_console.presentation.stack import answer_lines
from asok_console.presentation.text import safe
from asok_console.tui.data.reporting_thread import ReportingThread
from asok_console.tui.screens.text_dialog import TextDialog
from asok_core.backends.roles import Operator, Reader
from asok_core.inspection.rows import Row
from asok_core.operations.stacks import stack_of_job

SAMPLES = 10


@dataclass
class StackAnswered(Message):
    """What is known of the job now."""

    lines: list[str]


class StackDialog(TextDialog):
    """One stack at first; ``s`` takes ten, merged by their innermost function."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "sample", "10 samples")]

    def __init__(self, row: Row) -> None:
        super().__init__(
            f"Stack of job {safe(row.payload.id, 40)}",
            "s takes 10 samples, ↓ ↑ PgDn PgUp, Esc goes back",
        )
        self._row = row
        self._thread: ReportingThread | None = None

    def on_mount(self) -> None:
        """Ask for one stack."""
        self._ask(1)

    def action_sample(self) -> None:
        """Take ten stacks within a second."""
        self._ask(SAMPLES)

    def _ask(self, samples: int) -> None:
        session = self.console.session
        if session.operator is None or (self._thread is not None and self._thread.is_alive()):
            return
        self.show_text([f"Asking its worker for {samples} stacks …" if samples > 1 else "Asking …"])
        read = partial(self._read, session.reader, session.operator, samples)
        self._thread = ReportingThread("asok-stack", self.post_message, read, self._failed)
        self._thread.start()

    def _read(self, reader: Reader, operator: Operator, samples: int) -> StackAnswered:
        detail = reader.job(self._row.payload.id, near=self._row)
        if detail is None:
            return StackAnswered(["No stack: the job is no longer there"])
        return StackAnswered(answer_lines(stack_of_job(operator, detail, samples=samples)))

    @staticmethod
    def _failed(reason: str) -> StackAnswered:
        return StackAnswered([f"No stack: {safe(reason, 500)}"])

    @on(StackAnswered)
    def _show(self, message: StackAnswered) -> None:
        self.show_text(message.lines)
