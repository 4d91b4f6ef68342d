"""The cursor and the marks of a list. Both hold to the keys of rows. Independent of Textual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple

from asok_console.tui.widgets.row_window import RowWindow, T


class ListPosition(NamedTuple):
    """What a list shows: the cursor's row, its position out of ``total``, the first visible row."""

    key: str | None
    cursor: int
    total: int
    top: int


class RowCursor(Generic[T]):
    """A position in a window, and marked rows by their keys.

    When rows shift, the cursor follows its row; when that row is gone, it keeps its position. It never
    wraps around.
    """

    def __init__(self, window: RowWindow[T]) -> None:
        self.window = window
        self.position = 0
        self.key: str | None = None
        """The key of the cursor's row; None while that row has not been read."""
        self.marks: dict[str, T] = {}
        self._is_pinned = False
        self._pinned: str | None = None

    @property
    def row(self) -> T | None:
        """The row under the cursor; None where there is none, or it is not loaded yet."""
        return self.window.row_at(self.position)

    def move_to(self, position: int) -> bool:
        """Move to a position, or to the nearest end. Returns whether the cursor moved."""
        position = max(min(position, self.window.total - 1), 0)
        if position == self.position:
            return False
        self.position = position
        self._is_pinned = False
        self._hold()
        return True

    def pin(self, key: str | None) -> None:
        """Keep to the row with a key, else to the first, as rows are loaded, until it is moved."""
        self._is_pinned, self._pinned = True, key
        self.position = 0
        self._hold()

    def unpin(self) -> None:
        """Hold to the present row from now on."""
        self._is_pinned = False

    def would_be_lost(self, start: int, rows: Sequence[T]) -> bool:
        """Whether the cursor's row should be among ``rows`` (from position ``start``) and is not."""
        key = self.key
        if key is None or not start <= self.position < start + len(rows):
            return False
        return all(self.window.key_of(row) != key for row in rows)

    def follow(self) -> int:
        """Follow the cursor's row after other rows were loaded. Returns by how many rows it shifted."""
        if self._is_pinned:
            self.position, self.key = 0, self._pinned
        found = None if self.key is None else self.window.find_key(self.key)
        if found is not None:
            shift, self.position = found - self.position, found
            return shift
        total = self.window.total
        self.position = max(min(self.position, total - 1), 0)
        if not total or self.row is not None:
            self._hold()
        return 0

    def restore(self, position: int, key: str | None) -> None:
        """Set a position whose row, with this key, has not been read yet."""
        self.position, self.key, self._is_pinned = position, key, False

    def toggle_mark(self) -> bool:
        """Mark or unmark the cursor's row. Returns whether there is one."""
        row = self.row
        if row is None:
            return False
        self._is_pinned = False
        key = self.window.key_of(row)
        if self.marks.pop(key, None) is None:
            self.marks[key] = row
        return True

    def mark(self, rows: Sequence[T]) -> None:
        """Mark all of ``rows``; when all are marked already, unmark them."""
        keyed = {self.window.key_of(row): row for row in rows}
        if keyed and keyed.keys() <= self.marks.keys():
            for key in keyed:
                del self.marks[key]
        else:
            self.marks |= keyed

    def is_marked(self, row: T) -> bool:
        """Whether a row is marked."""
        return bool(self.marks) and self.window.key_of(row) in self.marks

    def _hold(self) -> None:
        row = self.row
        self.key = None if row is None else self.window.key_of(row)
