"""A dialog that shows a long text, in a list that draws only what is visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Log

from asok_console.tui.screens.dialog import Dialog
from asok_console.tui.screens.job_texts import broken

FRAME = 5
"""Cells beside a line: the border on each side, the scrollbar, and a blank."""


class TextDialog(Dialog[None]):
    """Shows lines of any length, with the keys of a pager. ``hint`` names keys in its lower border."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "back"),
        Binding("j,down", "scroll('scroll_down')", show=False),
        Binding("k,up", "scroll('scroll_up')", show=False),
        Binding("space,pagedown,ctrl+f", "scroll('scroll_page_down')", show=False),
        Binding("pageup,ctrl+b", "scroll('scroll_page_up')", show=False),
        Binding("g,home", "scroll('scroll_home')", show=False),
        Binding("G,end", "scroll('scroll_end')", show=False),
    ]

    def __init__(self, heading: str, hint: str) -> None:
        super().__init__()
        self._heading = heading
        self._hint = hint
        self._paragraphs: Sequence[str] = ()
        self._width = 0

    def compose(self) -> ComposeResult:
        """One list of lines."""
        log = Log(highlight=False, auto_scroll=False)
        log.border_title = self._heading
        log.border_subtitle = self._hint
        yield log

    def show_text(self, paragraphs: Sequence[str]) -> None:
        """Show texts in place of those before, each from a line of its own."""
        self._paragraphs = paragraphs
        if self._width:
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines at the width that there is."""
        width = max(event.size.width - FRAME, 10)
        if width != self._width:
            self._width = width
            self._draw()

    def action_scroll(self, how: str) -> None:
        """Scroll, without the animation that a long text would wait for."""
        getattr(self.query_one(Log), how)(animate=False)

    def _draw(self) -> None:
        log = self.query_one(Log)
        log.clear()
        log.write_lines([part for text in self._paragraphs for part in broken(text, self._width)])
