"""The long texts of a job with nothing left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType

from asok_console.tui.screens.job_texts import plain
from asok_console.tui.screens.text_dialog import TextDialog


class FullTextDialog(TextDialog):
    """Every section without a limit. ``texts`` are sources by title, as for ``job_texts.rendered``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("v", "dismiss", show=False)]

    def __init__(self, texts: Mapping[str, object]) -> None:
        shown = {title: plain(source) for title, source in texts.items() if source}
        super().__init__(" and ".join(shown) or "Nothing", "↓ ↑ PgDn PgUp g G, Esc goes back")
        self.show_text(
            [
                part
                for title, text in shown.items()
                for part in (f"── {title} ({len(text):,} characters)", text, "")
            ]
        )
