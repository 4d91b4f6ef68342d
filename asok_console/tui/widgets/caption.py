"""Text around the lists, written with every snapshot though it seldom changes."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Caption(Static):
    """One line, or a few that don't wrap. The screen is laid out again only for another number."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._written = Content("")

    @property
    def room(self) -> int:
        """Cells of a line, also before the layout: a busy machine shows what was written by then."""
        return self.size.width or max(self.app.size.width - self.gutter.width, 0)

    def write(self, content: Content) -> None:
        """Show a text; the same text again costs nothing."""
        before, self._written = self._written, content
        if not content.is_same(before):
            self.update(content, layout=content.plain.count("\n") != before.plain.count("\n"))
