"""The question before the console is closed while operations run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from asok_console.presentation.text import safe
from asok_console.tui.screens.dialog import QuestionDialog

MOST = 6
"""Operations that are named."""


class QuitDialog(QuestionDialog[bool]):
    """Asks whether to quit, and states what happens to the operations that run."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "choose('no')", "back")]
    AUTO_FOCUS = "#no"

    def __init__(self, running: Sequence[str]) -> None:
        super().__init__()
        self._titles = running

    def compose(self) -> ComposeResult:
        """What runs, what will happen to it, and the buttons."""
        number = len(self._titles)
        noun = "1 operation runs" if number == 1 else f"{number} operations run"
        with Vertical(id="question"):
            yield Static(f"Quit while {noun}?", id="title")
            for title in self._titles[:MOST]:
                yield Static(Content(f"  {safe(title, 300)}"), classes="example")
            if number > MOST:
                yield Static(f"  and {number - MOST} more", classes="example")
            yield Static(
                "! They stop before their next batch. Completed batches stay and are in the audit; the "
                "other jobs are not changed. A canary sends no further jobs.",
                classes="warning",
            )
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button("Stop and quit", id="yes", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.button.id == "yes")
