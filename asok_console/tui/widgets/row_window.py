"""The rows of a long list that are in memory, and which rows to read next. Independent of Textual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class RowRange(NamedTuple):
    """The rows from ``start`` to ``start + size``."""

    start: int
    size: int


class RowWindow(Generic[T]):
    """``total`` rows, of which those from position ``start`` are ``loaded``."""

    def __init__(self, key_of: Callable[[T], str]) -> None:
        self.key_of = key_of
        self.total = 0
        self.start = 0
        self.loaded: Sequence[T] = ()
        self.is_read = False
        """Whether the list has been read since it was made or cleared; it may be empty nevertheless."""

    def row_at(self, position: int) -> T | None:
        """The row at a position, if it is loaded."""
        index = position - self.start
        return self.loaded[index] if 0 <= index < len(self.loaded) else None

    def find_key(self, key: str) -> int | None:
        """The position of a key among the loaded rows."""
        for index, row in enumerate(self.loaded):
            if self.key_of(row) == key:
                return self.start + index
        return None

    def holds(self, first: int, last: int) -> bool:
        """Whether the rows from ``first`` to ``last`` are loaded, as far as there are any."""
        end = self.start + len(self.loaded)
        return self.is_read and self.start <= first and min(last, self.total) <= end

    def replace(self, start: int, total: int, rows: Sequence[T]) -> None:
        """Load other rows: ``rows`` from position ``start`` out of ``total``."""
        self.start, self.total, self.loaded, self.is_read = start, total, list(rows), True

    def clear(self, total: int = 0) -> None:
        """Drop all rows. ``total``: how many there will be, as far as that is known."""
        self.start, self.total, self.loaded, self.is_read = 0, total, (), False


class RowRequests(Generic[T]):
    """Decides which rows of a window are read next, and which answers are outdated.

    A list that is shown whole (``is_complete``) requests nothing.
    """

    def __init__(self, window: RowWindow[T]) -> None:
        self._window = window
        self.is_complete = False
        self._last: RowRange | None = None
        self._needed: RowRange | None = None
        self._moved: RowRange | None = None

    @property
    def needed(self) -> RowRange | None:
        """The rows to read with the next refresh; None: all are loaded. Safe on any thread."""
        return self._moved or self._needed

    @property
    def moved(self) -> RowRange | None:
        """Where the cursor's row is expected, which new rows have pushed out of the window."""
        return self._moved

    def next(self, first: int, last: int, margin: int, *, again: bool = False) -> RowRange | None:
        """What to request now for a screen that shows the rows from ``first`` to ``last``.

        Args:
            first: Position of the first visible row.
            last: Position after the last visible row.
            margin: Rows to load above and below the visible ones.
            again: Whether rows that are loaded are requested, too.
        """
        if self.is_complete:
            self._needed = None
            return None
        # Visible rows are read before those that may be visible next.
        around = margin if self._window.holds(first, last) else 0
        start = max(first - around, 0)
        needed = self._needed = RowRange(start, last + around - start)
        near = min(last - first, margin // 2)
        if not again and self._window.holds(max(first - near, 0), last + near):
            return None
        if needed == self._last and not again:
            return None
        self._last = needed
        return needed

    def suspend(self) -> None:
        """Need nothing while the list has no room on the screen."""
        self._needed = None

    def is_outdated(self, start: int, total: int, *, lost: bool) -> bool:
        """Whether an answer was requested before the cursor's row was found to have moved.

        ``lost``: the cursor's row should be in the answer and is not.
        """
        moved = self._moved
        return lost and moved is not None and start < moved.start < total

    def follow(self, start: int, total: int, count: int, *, lost: bool) -> RowRange | None:
        """What to read before an answer of ``count`` rows is shown; None: show the answer.

        New rows at the top may have pushed the cursor's row out of the window.
        """
        grown = total - self._window.total
        if lost and grown > 0 and self._moved is None:
            self._moved = RowRange(start + grown, count)
            return self._moved
        self._moved = self._last = None
        return None

    def clear(self) -> None:
        """Start from nothing: another list will be shown."""
        self._last = self._moved = None
        self.is_complete = False
