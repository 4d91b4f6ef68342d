"""Lines of any length and number, broken at the width that there is; only what is visible is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from asok_console.tui.theme import tones_of


class LongLines(ScrollView, can_focus=True):
    """Shows ``lines`` (text and tone); a longer one continues below, indented by ``hang`` cells."""

    DEFAULT_CSS = """
    LongLines { height: auto; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        scrollbar-gutter: stable; background: $surface; }
    """

    def __init__(
        self,
        lines: Sequence[tuple[str, str]],
        *,
        hang: int,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._lines = lines
        self._hang = hang
        self._width = 0
        self._rows: list[tuple[str, str]] = []

    def on_resize(self) -> None:
        """Break the lines at the new width."""
        width = max(self.scrollable_content_region.width, self._hang + 10)
        if width != self._width:
            self._width = width
            self._rows = [
                (row, tone) for text, tone in self._lines for row in self._broken(text, width)
            ]
            self.virtual_size = Size(width, len(self._rows))

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        at = round(self.scroll_y) + y
        text, tone = self._rows[at] if at < len(self._rows) else ("", "")
        base = self.rich_style
        style = base + tones_of(self.app)(tone)
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, base)

    def _broken(self, text: str, width: int) -> list[str]:
        if cell_len(text) <= width:
            return [text]
        first, *_ = chop_cells(text[: width + 1], width)
        rest, room = text[len(first) :], width - self._hang
        # ASCII has one cell a character, and may be of megabytes.
        ascii_parts = (rest[at : at + room] for at in range(0, len(rest), room))
        parts = ascii_parts if rest.isascii() else chop_cells(rest, room)
        return [first, *(" " * self._hang + part for part in parts)]
