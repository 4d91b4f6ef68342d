"""Where the code of a running job is: its worker is asked, and answers within a moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Log

from asok_console.presentation.stack import answer_lines
from asok_console.presentation.text import safe
from asok_console.tui.screens.job_texts import broken
from asok_console.tui.views.host import Host
from asok_core.backends.roles import Operator, Reader
from asok_core.errors import AsokError
from asok_core.inspection.rows import Row
from asok_core.operations.stacks import stack_of_job

SAMPLES = 10


@dataclass
class StackAnswered(Message):
    """What is known of the job now."""

    lines: list[str]


class StackScreen(ModalScreen[None]):
    """One stack at first; ``s`` takes ten, merged by their innermost function."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "back"),
        Binding("s", "sample", "10 samples"),
        Binding("j,down", "scroll('scroll_down')", show=False),
        Binding("k,up", "scroll('scroll_up')", show=False),
        Binding("pagedown,space", "scroll('scroll_page_down')", show=False),
        Binding("pageup", "scroll('scroll_page_up')", show=False),
        Binding("g,home", "scroll('scroll_home')", show=False),
        Binding("G,end", "scroll('scroll_end')", show=False),
    ]

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._row = row
        self._thread: threading.Thread | None = None
        self._lines: list[str] = []

    @property
    def console(self) -> Host:
        """The application, as far as views and screens use it."""
        return cast("Host", self.app)

    def compose(self) -> ComposeResult:
        """One list of lines."""
        log = Log(highlight=False, auto_scroll=False)
        log.border_title = f"Stack of job {safe(self._row.payload.id, 40)}"
        log.border_subtitle = "s takes 10 samples, ↓ ↑ PgDn PgUp, Esc goes back"
        yield log

    def on_mount(self) -> None:
        """Ask for one stack."""
        self._ask(1)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - Textual passes it
        """Break the lines at the width that there is."""
        self._write(self._lines)

    def action_sample(self) -> None:
        """Take ten stacks within a second."""
        self._ask(SAMPLES)

    def action_scroll(self, how: str) -> None:
        """Scroll."""
        getattr(self.query_one(Log), how)(animate=False)

    def _ask(self, samples: int) -> None:
        session = self.console.session
        if session.operator is None or (self._thread is not None and self._thread.is_alive()):
            return
        self._write([f"Asking its worker for {samples} stacks …" if samples > 1 else "Asking …"])
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
        except AsokError as error:
            lines = [f"No stack: {safe(str(error), 500)}"]
        self.post_message(StackAnswered(lines))

    @on(StackAnswered)
    def _show(self, message: StackAnswered) -> None:
        self._write(message.lines)

    def _write(self, lines: list[str]) -> None:
        self._lines = lines
        # The border takes a cell on each side, and the scrollbar two.
        width = max(self.size.width - 5, 10)
        log = self.query_one(Log)
        log.clear()
        log.write_lines([part for line in lines for part in broken(line, width)])
