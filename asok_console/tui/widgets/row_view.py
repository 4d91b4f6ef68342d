"""Draws the rows of a window in a scrolling view. Lines that did not change are not drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from asok_console.tui.theme import tones_of
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_cursor import RowCursor
from asok_console.tui.widgets.row_renderer import RenderContext, RowRenderer
from asok_console.tui.widgets.row_window import RowWindow, T

CACHED = 3
"""Heights of the list of which drawn lines are cached."""


class RowView(ScrollView, Generic[T], can_focus=True):
    """A heading, and below it the rows of a window and their cursor. The heading does not scroll."""

    DEFAULT_CSS = """
    RowView {
        background: $background; scrollbar-size-vertical: 1; overflow-x: hidden;
        scrollbar-gutter: stable;
    }
    """

    def __init__(
        self,
        columns: Sequence[Column[T]],
        key_of: Callable[[T], str],
        *,
        empty: str,
        id: str | None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.window = RowWindow(key_of)
        self.cursor = RowCursor(self.window)
        self.renderer = RowRenderer(columns)
        self.empty = empty
        self.now = 0.0
        """The time of the rows (epoch seconds), from which ages are calculated."""
        self._drawn: dict[int, Strip] = {}

    @property
    def titles(self) -> list[str]:
        """The titles of all its columns, those without room too."""
        return self.renderer.titles

    @property
    def visible_rows(self) -> list[T]:
        """The rows on the screen now."""
        at = (self.window.row_at(self._top + line) for line in range(self._page))
        return [row for row in at if row is not None]

    def show_columns(self, columns: Sequence[Column[T]]) -> None:
        """Draw the same rows in other columns."""
        self.renderer.show_columns(columns)
        self.renderer.shorten_names(self.window.loaded, self.now)
        self.refresh()

    def set_empty_text(self, text: str) -> None:
        """What the list shows while it has no rows."""
        if text != self.empty:
            self.empty = text
            if not self.window.total:
                self.refresh()

    def set_now(self, now: float) -> None:
        """Show the ages of the same rows at a later time."""
        if now != self.now:
            self.now = now
            self._refresh_changed()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Keep the styles: only the cursor's line shows the focus, and any change of it draws."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the screen; a line that did not change is not drawn again."""
        brush = self._brush()
        lines = [self._line(y, brush) for y in crop.line_range]
        self._drawn.update(zip(crop.line_range, lines, strict=True))
        top, height = self._top, self.size.height
        self.renderer.cache.limit(range(top, top + height), CACHED * height)
        background = self.background_colors[1]
        for each in self.get_line_filters():
            lines = [strip.apply_filter(each, background) for strip in lines]
        if crop.column_span != (0, brush.width):
            lines = [strip.crop(*crop.column_span) for strip in lines]
        return lines

    @property
    def _top(self) -> int:
        return round(self.scroll_y)

    @property
    def _page(self) -> int:
        return max(self.size.height - 1, 1)

    def _refresh_changed(self) -> None:
        # Most lines are as they were: what is not drawn again is not sent over SSH either.
        brush, height = self._brush(), self.size.height
        changed = [y for y in range(height) if self._drawn.get(y) is not self._line(y, brush)]
        if len(changed) > height / 2:
            self.refresh()
            return
        for y in changed:
            self.refresh_line(y + self._top)

    def _brush(self) -> RenderContext:
        if self.scrollable_content_region.width != self.renderer.width:
            # The scrollbar came or went.
            self._lay_out()
        # The scrollbar lies over the end of each line.
        return RenderContext(tones_of(self.app), self.rich_style, self.outer_size.width)

    def _line(self, y: int, brush: RenderContext) -> Strip:
        if y == 0:
            return self.renderer.heading(brush)
        position = self._top + y - 1
        row = self.window.row_at(position)
        if row is None:
            return self.renderer.text(position, *self._without_row(y, position), brush)
        over = None
        if position == self.cursor.position:
            over = brush.tones.cursor if self.has_focus else brush.tones.cursor_blurred
        marked = self.cursor.is_marked(row)
        return self.renderer.row(position, row, self.now, brush, over=over, marked=marked)

    def _without_row(self, y: int, position: int) -> tuple[str, str]:
        if not self.window.total and y == 2:
            return f"  {self.empty if self.window.is_read else 'Reading …'}", "dim"
        return ("", "") if position >= self.window.total else ("  ·", "grid")

    def _lay_out(self) -> None:
        self.renderer.lay_out(self.scrollable_content_region.width)
        self.renderer.shorten_names(self.window.loaded, self.now)

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, self.window.total + 1)
