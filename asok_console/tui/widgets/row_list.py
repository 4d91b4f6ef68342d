"""A list of any length, of which only the visible window and a margin are in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from asok_console.tui.theme import tones_of
from asok_console.tui.widgets.columns import GAP, Column, Placed, lay_out
from asok_console.tui.widgets.row_renderer import EDGE, GUTTER, Brush, Lines, heading, line
from asok_console.tui.widgets.row_window import Position, RowWindow, T

HEADING = -1
KEPT = 3
"""Heights of the list of which the lines are kept as they were made."""

MARGIN = 80
"""Rows loaded above and below the visible ones, so that scrolling and a shifting list stay covered."""


class RowList(RowWindow[T], ScrollView, can_focus=True):
    """Rows under a fixed heading line, with a cursor and marks that hold to each row's key.

    Feed it whole (``show_rows``) or in windows (``show_page``, as it asks by ``WindowNeeded``). When
    rows shift, the cursor's row stays on its line of the screen. The cursor never wraps around.
    """

    DEFAULT_CSS = """
    RowList {
        background: $background; scrollbar-size-vertical: 1; overflow-x: hidden;
        scrollbar-gutter: stable;
    }
    """

    @dataclass
    class WindowNeeded(Message):
        """Rows ``start`` to ``start + count`` are wanted."""

        rows: RowList[Any]
        start: int
        count: int

        @property
        def control(self) -> RowList[Any]:
            """The list that asks."""
            return self.rows

    @dataclass
    class Moved(Message):
        """The cursor or the marks changed."""

        rows: RowList[Any]

        @property
        def control(self) -> RowList[Any]:
            """The list it happened in."""
            return self.rows

    @dataclass
    class HeadingPressed(Message):
        """The title of a column was clicked."""

        rows: RowList[Any]
        title: str

    @dataclass
    class Opened(Message):
        """Enter or a double click on the cursor's row."""

        rows: RowList[Any]

        @property
        def control(self) -> RowList[Any]:
            """The list it happened in."""
            return self.rows

    def __init__(
        self,
        columns: Sequence[Column[T]],
        key_of: Callable[[T], str],
        *,
        empty: str = "Nothing here.",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        RowWindow.__init__(self, key_of)
        ScrollView.__init__(self, id=id)
        self.empty = empty
        self.now = 0.0
        self._columns = tuple(columns)
        self._whole = False
        self._asked: tuple[int, int] | None = None
        self._wanted: tuple[int, int] | None = None
        self._chase: tuple[int, int] | None = None
        self._open_when_read = False
        self._at_first = False
        self._sought: str | None = None
        self._placed: tuple[Placed[T], ...] = ()
        self._width = 0
        self._sized: Size | None = None
        self._drawn: dict[int, Strip] = {}
        self._lines = Lines()
        self._follower: Callable[[], object] | None = None

    @property
    def titles(self) -> list[str]:
        """The titles of all its columns, those without room too."""
        return [column.title for column in self._columns]

    @property
    def margin(self) -> int:
        """Rows to load above and below the visible ones."""
        return MARGIN

    @property
    def wanted(self) -> tuple[int, int] | None:
        """First position and number of the rows to read next; None: all are here. Safe on any thread."""
        return self._chase or self._wanted

    @property
    def visible_rows(self) -> list[T]:
        """The rows on the screen now."""
        first = round(self.scroll_y)
        return [r for r in (self.row_at(first + i) for i in range(self._page)) if r is not None]

    def follow(self, tell: Callable[[], object]) -> None:
        """Let ``tell`` be called whenever the cursor or the marks changed, before that is drawn.

        ``Moved`` says the same a little later: what only follows it is drawn a picture behind.
        """
        self._follower = tell

    def show_rows(self, rows: Sequence[T], now: float) -> None:
        """Show the whole of a short list."""
        self._whole = True
        self.show_page(0, len(rows), rows, now)

    def show_page(self, start: int, total: int, rows: Sequence[T], now: float) -> None:
        """Show a window of a long list: ``rows`` from position ``start`` out of ``total``."""
        grown = total - self.total
        gone = not self._whole and self.lost_in(start, rows)
        if gone and self._chase is not None and start < self._chase[0] < total:
            # An answer to what was asked before that: the row is looked for elsewhere by now.
            return
        if gone and grown > 0 and self._chase is None:
            # New rows at the top pushed ours out of the window: look for it where it went.
            self._chase = (start + grown, len(rows))
            self.post_message(self.WindowNeeded(self, *self._chase))
            return
        self._chase = None
        self._asked = None
        self.now = now
        if self._at_first:
            self.cursor, self.cursor_key = 0, self._sought
        shifted = self.take(start, total, rows)
        self._shorten_names()
        self._resize()
        if shifted:
            top = max(min(round(self.scroll_y) + shifted, total - self._page), 0)
            self.scroll_to(y=top, animate=False, force=True)
        self._refresh_changed()
        self._ask()
        if self._open_when_read and self.row is not None:
            self.action_open()

    def forget(self) -> None:
        """Empty the list until it is fed again: another queue or filter is to be shown."""
        self.drop()
        self._asked = None
        self._whole, self._chase, self._at_first = False, None, False
        self._resize()
        self.scroll_to(y=0, animate=False)
        self.refresh()

    @property
    def position(self) -> Position:
        """Where the list stands, for ``return_to``."""
        return Position(self.cursor_key, self.cursor, self.total, round(self.scroll_y))

    def return_to(self, position: Position) -> None:
        """Show a list again as it stood, as soon as it is read, with the cursor on the same row."""
        self.forget()
        self.cursor_key, self.cursor, self.total, top = position
        self._resize()
        self.scroll_to(y=top, animate=False, force=True)
        self._ask()

    def begin(self, key: str | None = None) -> None:
        """Put the cursor on the row with a key, else on the first, also of what is still to come.

        That ends when the cursor is moved, or with ``settle``.
        """
        self._at_first, self._sought = True, key
        self.cursor = 0
        self.hold()
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh()
        self._tell_moved()

    def move_to_key(self, key: str | None) -> None:
        """Put the cursor on the row with a key, if it is loaded."""
        position = None if key is None else self.find_key(key)
        if position is not None:
            self.move_to(position)

    def settle(self) -> None:
        """Hold the cursor to its row from now on: all rows are there."""
        self._at_first = False

    def say_empty(self, text: str) -> None:
        """What the list says while it has no rows."""
        if text != self.empty:
            self.empty = text
            if not self.total:
                self.refresh()

    def let_age(self, now: float) -> None:
        """Show how old the same rows are by now."""
        if now != self.now:
            self.now = now
            self._refresh_changed()

    def reload(self) -> None:
        """Ask anew for the window that is shown."""
        if self._chase is not None:
            # Only the last that was asked for is read, and the cursor's row would be lost.
            self.post_message(self.WindowNeeded(self, *self._chase))
            return
        self._asked = None
        self._ask(again=True)

    def move_to(self, position: int) -> None:
        """Put the cursor on a position and bring it into view."""
        position = max(min(position, self.total - 1), 0)
        before = self.cursor
        if position != before:
            self._at_first = False
            self.cursor = position
            self._open_when_read = False
            self.hold()
        top = round(self.scroll_y)
        if position < top:
            self.scroll_to(y=position, animate=False)
        elif position >= top + self._page:
            self.scroll_to(y=position - self._page + 1, animate=False)
        for changed in {before, position}:
            # The heading is line 0.
            self.refresh_line(changed + 1)
        self._ask()
        self._tell_moved()

    def toggle_mark(self) -> None:
        """Mark or unmark the cursor's row and go on to the next."""
        row = self.row
        if row is None:
            return
        key = self.key_of(row)
        self._at_first = False
        if self.marks.pop(key, None) is None:
            self.marks[key] = row
        self.move_to(self.cursor + 1)
        self.refresh()
        self._tell_moved()

    def mark(self, rows: Sequence[T]) -> None:
        """Mark all of ``rows``; when all are marked already, unmark them."""
        keyed = {self.key_of(row): row for row in rows}
        if keyed and keyed.keys() <= self.marks.keys():
            for key in keyed:
                del self.marks[key]
        else:
            self.marks |= keyed
        self.refresh()
        self._tell_moved()

    def clear_marks(self) -> None:
        """Unmark everything."""
        self.marks.clear()
        self.refresh()
        self._tell_moved()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to open where there is a row, and to move where there are several."""
        if action == "open":
            # A row that is still to be read is opened as soon as it is there.
            return self.total > 0
        if action in ("move", "page", "first", "last"):
            return self.total > 1
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        """Move the cursor by so many rows; it stops at the ends."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by so many screens."""
        self.move_to(self.cursor + by * max(self._page - 1, 1))

    def action_first(self) -> None:
        """Go to the first row."""
        self.move_to(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self.move_to(self.total - 1)

    def action_open(self) -> None:
        """Open the cursor's row, as soon as it has been read."""
        self._open_when_read = self.row is None and self.has_focus
        if self.row is not None:
            self.post_message(self.Opened(self))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the pointer is; a second click opens."""
        position = round(self.scroll_y) + event.y - 1
        if event.y < 1:
            self._press_heading(event.x)
        if event.y < 1 or position >= self.total:
            return
        self.move_to(position)
        if event.chain == 2:
            self.action_open()

    def _press_heading(self, x: int) -> None:
        end = GUTTER
        for placed in self._placed:
            end += placed.width + GAP
            if x < end:
                self.post_message(self.HeadingPressed(self, placed.column.title))
                return

    def on_resize(self) -> None:
        """Lay out for the new size; the cursor stays in view."""
        if self.size == self._sized:
            # It was hidden, and is shown again.
            return
        self._sized = self.size
        self._location()
        self._resize()
        self.move_to(self.cursor)

    def on_blur(self) -> None:
        """Open nothing any longer that was still to be read."""
        self._open_when_read = False

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Find no styles anew: only the cursor's line tells the focus, and any change of it draws."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for what scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.refresh()
            self._ask()

    def _tell_moved(self) -> None:
        if self._follower is not None:
            self._follower()
        self.post_message(self.Moved(self))

    def _refresh_changed(self) -> None:
        # Most lines are as they were: what is not drawn again is not sent over SSH either.
        top, brush, height = round(self.scroll_y), self._brush(), self.size.height
        changed = [y for y in range(height) if self._drawn.get(y) is not self._line(y, brush)]
        if len(changed) > height / 2:
            self.refresh()
            return
        for y in changed:
            self.refresh_line(y + top)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the screen; a line that is as it was is not made anew."""
        brush = self._brush()
        lines = [self._line(y, brush) for y in crop.line_range]
        self._drawn.update(zip(crop.line_range, lines, strict=True))
        top, height = round(self.scroll_y), self.size.height
        self._lines.keep(range(top, top + height), KEPT * height)
        background = self.background_colors[1]
        for each in self.get_line_filters():
            lines = [strip.apply_filter(each, background) for strip in lines]
        if crop.column_span != (0, brush.width):
            lines = [strip.crop(*crop.column_span) for strip in lines]
        return lines

    def _brush(self) -> Brush:
        width = self.scrollable_content_region.width
        if width != self._width:
            # The scrollbar came or went.
            self._location()
        # The scrollbar lies over the end of each line.
        whole = self.outer_size.width
        return Brush(tones_of(self.app), self.rich_style, whole)

    def _line(self, y: int, brush: Brush) -> Strip:
        if y == 0:
            return self._lines.of(
                HEADING,
                (brush, self._placed),
                lambda: brush.strip(heading(self._placed, brush.tones)),
            )
        position = round(self.scroll_y) + y - 1
        row = self.row_at(position)
        if row is None:
            facts = (brush, self.total, self._known, self.empty)
            return self._lines.of(position, facts, lambda: self._without_row(y, position, brush))
        current, marked = position == self.cursor, self.key_of(row) in self.marks
        tones = brush.tones
        over = (tones.cursor if self.has_focus else tones.cursor_blurred) if current else None
        return self._lines.of(
            position,
            (self.now, marked, over, brush, self._placed, row),
            lambda: brush.strip(
                line(self._placed, row, self.now, tones, current=current, marked=marked), over
            ),
        )

    def _without_row(self, y: int, position: int, brush: Brush) -> Strip:
        if not self.total and y == 2:
            said = self.empty if self._known else "Reading …"
            return brush.strip([Segment(f"  {said}", brush.tones("dim"))])
        if position >= self.total:
            return Strip.blank(brush.width, brush.base)
        return brush.strip([Segment("  ·", brush.tones("grid"))])

    @property
    def _page(self) -> int:
        return max(self.size.height - 1, 1)

    def _location(self) -> None:
        self._width = self.scrollable_content_region.width
        self._placed = lay_out(self._columns, max(self._width - GUTTER - EDGE, 1))
        self._shorten_names()

    def _shorten_names(self) -> None:
        """Shorten the names of the loaded rows, so that they stay distinct."""
        placed = tuple(each.naming(self.loaded, self.now) for each in self._placed)
        if any(new is not old for new, old in zip(placed, self._placed, strict=True)):
            self._placed = placed

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, self.total + 1)

    def _ask(self, *, again: bool = False) -> None:
        if self._whole or not self.size.height:
            self._wanted = None
            return
        first = round(self.scroll_y)
        last = first + self._page
        around = self.margin
        # What is to be seen is read before what may be seen next.
        margin = around if self.holds_all(first, last) else 0
        start = max(first - margin, 0)
        self._wanted = wanted = (start, last + margin - start)
        near = min(self._page, around // 2)
        if not again and self.holds_all(max(first - near, 0), last + near):
            return
        if wanted != self._asked:
            self._asked = wanted
            self.post_message(self.WindowNeeded(self, *wanted))
