"""A list of any length, of which only the visible window and a margin are in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.geometry import Size
from textual.message import Message

from asok_console.tui.keys import actions
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_cursor import ListPosition
from asok_console.tui.widgets.row_view import RowView
from asok_console.tui.widgets.row_window import RowRange, RowRequests, T

MARGIN = 80
"""Rows loaded above and below the visible ones, so that scrolling and a shifting list stay covered."""


_MOVES = actions.methods(actions.MOVES) - {actions.OPEN.method}


class RowList(RowView[T]):
    """Rows under a fixed heading line, with a cursor and marks that hold to each row's key.

    Rows come in whole (``show_rows``) or in windows (``show_page``, requested by ``WindowNeeded``). When
    rows shift, the cursor's row stays on its line of the screen.
    """

    @dataclass
    class WindowNeeded(Message):
        """The rows ``start`` to ``start + count`` have to be read."""

        rows: RowList[Any]
        start: int
        count: int

    @dataclass
    class Moved(Message):
        """The cursor or the marks changed."""

        rows: RowList[Any]

    @dataclass
    class HeadingPressed(Message):
        """The title of a column was clicked."""

        rows: RowList[Any]
        title: str

    @dataclass
    class Opened(Message):
        """Enter or a double click on the cursor's row."""

        rows: RowList[Any]

    def __init__(
        self,
        columns: Sequence[Column[T]],
        key_of: Callable[[T], str],
        *,
        empty: str = "Nothing to show.",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(columns, key_of, empty=empty, id=id)
        self.requests = RowRequests(self.window)
        self._open_when_read = False
        self._sized: Size | None = None
        self._follower: Callable[[], object] | None = None

    @property
    def row(self) -> T | None:
        """The row under the cursor; None where there is none, or it is not loaded yet."""
        return self.cursor.row

    @property
    def total(self) -> int:
        """How many rows the list has, loaded or not."""
        return self.window.total

    @property
    def margin(self) -> int:
        """Rows to load above and below the visible ones."""
        return MARGIN

    @property
    def position(self) -> ListPosition:
        """What the list shows now, for ``return_to``."""
        return ListPosition(self.cursor.key, self.cursor.position, self.total, self._top)

    def follow(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` whenever the cursor or the marks changed, before that is drawn.

        A handler of ``Moved`` runs later, so that what it writes is drawn one picture late.
        """
        self._follower = callback

    def show_rows(self, rows: Sequence[T], now: float) -> None:
        """Show the whole of a short list."""
        self.requests.is_complete = True
        self.show_page(0, len(rows), rows, now)

    def show_page(self, start: int, total: int, rows: Sequence[T], now: float) -> None:
        """Show a window of a long list: ``rows`` from position ``start`` out of ``total``."""
        lost = not self.requests.is_complete and self.cursor.would_be_lost(start, rows)
        if self.requests.is_outdated(start, total, lost=lost):
            return
        elsewhere = self.requests.follow(start, total, len(rows), lost=lost)
        if elsewhere is not None:
            self._post_request(elsewhere)
            return
        self.now = now
        self.window.replace(start, total, rows)
        shift = self.cursor.follow()
        self.renderer.shorten_names(self.window.loaded, now)
        self._resize()
        if shift:
            top = max(min(self._top + shift, total - self._page), 0)
            self.scroll_to(y=top, animate=False, force=True)
        self._refresh_changed()
        self._request()
        if self._open_when_read and self.row is not None:
            self.action_open()

    def clear(self) -> None:
        """Empty the list until rows are shown again: those of another queue or filter."""
        self._start(ListPosition(None, 0, 0, 0))

    def return_to(self, position: ListPosition) -> None:
        """Show a list again as it was, as soon as it is read, with the cursor on the same row."""
        self._start(position)
        self._request()

    def pin(self, key: str | None = None) -> None:
        """Put the cursor on the row with a key, else on the first, also of rows that are yet to come.

        That ends when the cursor is moved, or with ``cursor.unpin``.
        """
        self.cursor.pin(key)
        self.scroll_to(y=0, animate=False, force=True)
        self._marks_changed()

    def move_to_key(self, key: str | None) -> None:
        """Put the cursor on the row with a key, if it is loaded."""
        position = None if key is None else self.window.find_key(key)
        if position is not None:
            self.move_to(position)

    def reload(self) -> None:
        """Request the window that is shown again."""
        if self.requests.moved is not None:
            # Only the last request is read, and the cursor's row would be lost.
            self._post_request(self.requests.moved)
        else:
            self._request(again=True)

    def move_to(self, position: int) -> None:
        """Put the cursor on a position and bring it into view."""
        before = self.cursor.position
        if self.cursor.move_to(position):
            self._open_when_read = False
        position, top = self.cursor.position, self._top
        if position < top:
            self.scroll_to(y=position, animate=False)
        elif position >= top + self._page:
            self.scroll_to(y=position - self._page + 1, animate=False)
        for changed in {before, position}:
            # The heading is line 0.
            self.refresh_line(changed + 1)
        self._request()
        self._post_moved()

    def toggle_mark(self) -> None:
        """Mark or unmark the cursor's row and move to the next."""
        if self.cursor.toggle_mark():
            self.move_to(self.cursor.position + 1)
            self._marks_changed()

    def mark(self, rows: Sequence[T]) -> None:
        """Mark all of ``rows``; when all are marked already, unmark them."""
        self.cursor.mark(rows)
        self._marks_changed()

    def clear_marks(self) -> None:
        """Unmark everything."""
        self.cursor.marks.clear()
        self._marks_changed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to open where there is a row, and to move where there are several."""
        if action == actions.OPEN.method:
            # A row that is not read yet is opened as soon as it is.
            return self.total > 0
        if action in _MOVES:
            return self.total > 1
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        """Move the cursor by a number of rows; it stops at the ends."""
        self.move_to(self.cursor.position + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by a number of screens."""
        self.action_move(by * max(self._page - 1, 1))

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
        if event.y < 1:
            title = self.renderer.title_at(event.x)
            if title is not None:
                self.post_message(self.HeadingPressed(self, title))
            return
        position = self._top + event.y - 1
        if position < self.total:
            self.move_to(position)
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        """Lay out for the new size; the cursor stays in view."""
        if self.size == self._sized:
            # It was hidden, and is shown again.
            return
        self._sized = self.size
        self._lay_out()
        self._resize()
        self.move_to(self.cursor.position)

    def on_blur(self) -> None:
        """Do not open a row that has not been read yet."""
        self._open_when_read = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Request what scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.refresh()
            self._request()

    def _start(self, position: ListPosition) -> None:
        self.requests.clear()
        self.window.clear(position.total)
        self.cursor.restore(position.cursor, position.key)
        self._resize()
        self.scroll_to(y=position.top, animate=False, force=True)
        self.refresh()

    def _marks_changed(self) -> None:
        self.refresh()
        self._post_moved()

    def _post_moved(self) -> None:
        if self._follower is not None:
            self._follower()
        self.post_message(self.Moved(self))

    def _request(self, *, again: bool = False) -> None:
        if not self.size.height:
            self.requests.suspend()
            return
        top = self._top
        needed = self.requests.next(top, top + self._page, self.margin, again=again)
        if needed is not None:
            self._post_request(needed)

    def _post_request(self, needed: RowRange) -> None:
        self.post_message(self.WindowNeeded(self, *needed))
