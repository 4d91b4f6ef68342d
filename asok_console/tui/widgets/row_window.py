"""The rows of a long list that are in memory, with a cursor and marks that hold to each row's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Position(NamedTuple):
    """Where a list stands: the cursor's row, its place out of ``total``, the first row on the screen."""

    key: str | None
    cursor: int
    total: int
    top: int


class RowWindow(Generic[T]):
    """``total`` rows, of which some are ``loaded``. ``marks`` are rows by their keys.

    When rows shift, the cursor goes with its row; when that is gone, it stays at its place in the list.
    """

    def __init__(self, key_of: Callable[[T], str]) -> None:
        self.key_of = key_of
        self.total = 0
        self.cursor = 0
        self.cursor_key: str | None = None
        self.marks: dict[str, T] = {}
        self._start = 0
        self._rows: list[T] = []
        self._known = False

    @property
    def row(self) -> T | None:
        """The row under the cursor, or None where there is none or it is not loaded yet."""
        return self.row_at(self.cursor)

    @property
    def loaded(self) -> Sequence[T]:
        """The rows in memory, in order."""
        return self._rows

    def row_at(self, position: int) -> T | None:
        """The row at a position, if it is loaded."""
        index = position - self._start
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def find_key(self, key: str) -> int | None:
        """The position of a key among the loaded rows."""
        return self._position(key, self._start, self._rows)

    def lost_in(self, start: int, rows: Sequence[T]) -> bool:
        """Whether the cursor's row should be among ``rows`` (from ``start``) and is not."""
        key = self.cursor_key
        if key is None or not start <= self.cursor < start + len(rows):
            return False
        return self._position(key, start, rows) is None

    def take(self, start: int, total: int, rows: Sequence[T]) -> int:
        """Take in other rows. Returns by how many places the cursor's row has shifted."""
        held = None if self.cursor_key is None else self._position(self.cursor_key, start, rows)
        self._start, self._rows, self.total, self._known = start, list(rows), total, True
        if held is not None:
            by, self.cursor = held - self.cursor, held
            return by
        self.cursor = max(min(self.cursor, total - 1), 0)
        if not total or self.row is not None:
            self.hold()
        return 0

    def drop(self) -> None:
        """Let all rows go, and the cursor to the top."""
        self._rows, self._start, self.total, self.cursor = [], 0, 0, 0
        self.cursor_key, self._known = None, False

    def hold(self) -> None:
        """Hold on to the row under the cursor."""
        row = self.row
        self.cursor_key = None if row is None else self.key_of(row)

    def holds_all(self, first: int, last: int) -> bool:
        """Whether the rows from ``first`` to ``last`` are loaded, as far as there are any."""
        end = self._start + len(self._rows)
        return self._known and self._start <= first and min(last, self.total) <= end

    def _position(self, key: str, start: int, rows: Sequence[T]) -> int | None:
        for index, row in enumerate(rows):
            if self.key_of(row) == key:
                return start + index
        return None
