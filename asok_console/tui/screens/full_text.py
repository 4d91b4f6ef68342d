"""The long texts of a job with nothing left out, in a list that draws only what is visible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Log

from asok_console.tui.screens.job_texts import broken, plain


class WholeTexts(ModalScreen[None]):
    """Every section without a limit. ``texts`` are sources by title, as ``texts.rendered`` takes them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "dismiss", "back"),
        Binding("j,down", "scroll('scroll_down')", show=False),
        Binding("k,up", "scroll('scroll_up')", show=False),
        Binding("space,pagedown,ctrl+f", "scroll('scroll_page_down')", show=False),
        Binding("pageup,ctrl+b", "scroll('scroll_page_up')", show=False),
        Binding("g,home", "scroll('scroll_home')", show=False),
        Binding("G,end", "scroll('scroll_end')", show=False),
    ]

    def __init__(self, texts: Mapping[str, object]) -> None:
        super().__init__()
        self._texts = {title: plain(source) for title, source in texts.items() if source}
        self._width = 0

    def compose(self) -> ComposeResult:
        """One list of lines."""
        log = Log(highlight=False, auto_scroll=False)
        log.border_title = " and ".join(self._texts) or "Nothing"
        log.border_subtitle = "↓ ↑ PgDn PgUp g G, Esc goes back"
        yield log

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines at the width that there is."""
        width = max(event.size.width - 5, 10)
        if width == self._width:
            return
        self._width = width
        log = self.query_one(Log)
        log.clear()
        for title, text in self._texts.items():
            log.write_lines([f"── {title} ({len(text):,} characters)", *broken(text, width), ""])

    def action_scroll(self, how: str) -> None:
        """Scroll, without the animation that a long text would wait for."""
        getattr(self.query_one(Log), how)(animate=False)
