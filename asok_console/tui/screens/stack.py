"""Where the code of a running job is: its worker is asked, and answers within a moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from asok_console.presentation.stack import answer_lines
from asok_console.presentation.text import error_text, safe
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
        self._thread: threading.Thread | None = None

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
        self._thread = threading.Thread(
            target=self._run, args=(session.reader, session.operator, samples), daemon=True
        )
        self._thread.start()

    def _run(self, reader: Reader, operator: Operator, samples: int) -> None:
        try:
            detail = reader.job(self._row.payload.id, near=self._row)
            if detail is None:
                lines = ["No stack: the job is no longer there"]
            else:
                lines = answer_lines(stack_of_job(operator, detail, samples=samples))
        except Exception as error:  # noqa: BLE001 - shown, whatever it is
            lines = [f"No stack: {safe(error_text(error), 500)}"]
        self.post_message(StackAnswered(lines))

    @on(StackAnswered)
    def _show(self, message: StackAnswered) -> None:
        self.show_text(message.lines)
