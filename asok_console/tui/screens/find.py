"""Ask for the id of a job."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class FindJob(ModalScreen[str]):
    """Takes an id, whole as it was copied."""

    CSS_PATH = "find.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "cancel")]

    def compose(self) -> ComposeResult:
        """One line."""
        with Vertical(id="question") as question:
            question.border_subtitle = "Enter opens it, Esc goes back"
            yield Static("Id of the job", id="title")
            yield Input(id="wanted", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go."""
        event.stop()
        self.dismiss(event.value.strip())
