"""The line in which a filter is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from asok_console.presentation.text import safe
from asok_core.errors import UsageError
from asok_core.inspection.filters import Filter, parse

PAUSE = 0.25
"""Seconds after the last key until the search begins."""

HINT = "words, queue:high, task:mail, error:Timeout, arg:17, id:…, age:>1h, !x"


class FilterBar(Horizontal):
    """Takes a filter, shows at once what is wrong with it, and posts it after a pause in typing.

    It is there only while a filter is typed; which one is in use is part of the heading.
    """

    DEFAULT_CSS = """
    FilterBar { dock: bottom; height: 1; background: $panel; display: none; }
    FilterBar Static { width: auto; padding: 0 1; color: $primary; }
    FilterBar Input { width: 1fr; background: $panel; padding: 0; }
    FilterBar #wrong { color: $warning; max-width: 60%; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "clear", show=False)]

    @dataclass
    class Changed(Message):
        """A valid filter; one without words shows everything."""

        filter: Filter

    class Closed(Message):
        """The line was closed: the list gets the focus back."""

    def __init__(self, read: Callable[[str], Filter] = parse, *, hint: str = HINT) -> None:
        super().__init__()
        self._read = read
        self._resting: Timer | None = None
        self._input = Input(placeholder=hint, compact=True)
        self._wrong = Static(id="wrong")

    def open(self) -> None:
        """Show the line and put the cursor into it."""
        if not self.children:
            # Not when the console starts: each view has such a line, and most are never opened.
            self.mount(Static("/"), self._input, self._wrong)
        self.display = True
        self._input.focus()

    def set(self, text: str) -> None:
        """Put a filter in without opening the line."""
        with self.prevent(Input.Changed):
            self._input.value = text

    def close(self) -> None:
        """Empty and hide the line."""
        self.set("")
        self._report("")
        self.display = False

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._resting:
            self._resting.stop()
        self._resting = self.set_timer(PAUSE, self._apply_typed)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._resting:
            self._resting.stop()
            self._resting = None
            if not self._apply_typed():
                return
        self.display = False
        self.post_message(self.Closed())

    def action_cancel(self) -> None:
        """Clear the filter and close."""
        if self._resting:
            self._resting.stop()
        self.close()
        self.post_message(self.Changed(Filter("")))
        self.post_message(self.Closed())

    def _apply_typed(self) -> bool:
        self._resting = None
        try:
            found = self._read(self._input.value.strip())
        except UsageError as error:
            self._report(str(error).partition(": ")[2] or str(error))
            return False
        self._report("")
        self.post_message(self.Changed(found))
        return True

    def _report(self, line: str) -> None:
        self._wrong.update(Content(safe(line, 200)))
