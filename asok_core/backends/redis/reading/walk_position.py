"""How far a walk over a list is, by what it read last: others push, take and remove jobs meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.backends.redis.reading.queries import ListWindow
from asok_core.inspection.partial_payload import ListElement

KEPT, KEPT_BYTES = 32, 65_536
"""Items by which a walk finds where it was, and their bytes (one may be larger)."""
LARGE = 1 << 19
"""Bytes after which a window ends (``read_window.lua``)."""
FURTHER = 8
"""How many times as far back is looked for them where they are not found."""


class WalkPosition:
    """The position of a walk that counts from the end where jobs are taken, after ``last``.

    Each job that is taken there shifts all others by one. So each window begins with the items that were
    read last, and continues after them, wherever they are by now.
    """

    def __init__(self, last: Sequence[ListElement] = ()) -> None:
        self.first = 0
        """The index of the first item of the last window that was new."""
        self.passed = len(last)
        """How many items are before the next that is new, as far as is known."""
        self.missed = False
        """Whether items may have been missed: all that were read last are gone."""
        self._start = self._began = self._back = 0
        self._last: tuple[ListElement, ...] = ()
        self._blind = False
        self._keep(last, 0)

    def ask(self, count: int) -> tuple[int, int]:
        """Where the next window begins and how many items it has, to read ``count`` new ones."""
        return self._start, count + max(0, self.passed - self._start)

    def take(self, window: ListWindow) -> tuple[ListElement, ...] | None:
        """The items of the window that were not read before; None: it must be asked for again."""
        at = self._found(window.items)
        if at is None:
            self._look_elsewhere(window)
            return None
        new = window.items[at:]
        shift = max(0, self.passed - self._start - at)
        self.first = self._start + at
        self.passed = self.first + len(new)
        if not new and sum(item.size for item in window.items) >= LARGE:
            # One that was read already is so large that no more is read with it.
            self._begin(self.passed)
            return None
        self.missed = self.missed or (self._blind and bool(new))
        self._blind = False
        self._keep(new, shift)
        return new

    def _found(self, items: tuple[ListElement, ...]) -> int | None:
        """The index after the newest item that was read before; None: none of them is there."""
        if not self._last:
            return 0
        expected = self.passed - self._start
        if 0 < expected <= len(items) and items[expected - 1] == self._last[-1]:
            return expected
        where: dict[ListElement, int] = {}
        for at, item in enumerate(items):
            where.setdefault(item, at)
        return next((where[each] + 1 for each in reversed(self._last) if each in where), None)

    def _keep(self, new: Sequence[ListElement], shift: int) -> None:
        size, kept = 0, 0
        last = (*self._last, *new)[-KEPT:]
        for item in reversed(last):
            size += item.size
            if kept and size > KEPT_BYTES:
                break
            kept += 1
        self._last = last[-kept:] if kept else ()
        self._back = max(kept, 2 * shift)
        self._start = self._began = max(0, self.passed - self._back)

    def _look_elsewhere(self, window: ListWindow) -> None:
        end = self._start + window.taken
        if window.taken and end < self.passed:
            self._start = end
        elif self._began:
            self._back *= FURTHER
            self._start = self._began = max(0, self.passed - self._back)
        else:
            self.missed = True
            self._begin(0)

    def _begin(self, index: int) -> None:
        """Continue at an index, whatever is there."""
        self._start = self._began = self.passed = index
        self._last, self._blind = (), True
