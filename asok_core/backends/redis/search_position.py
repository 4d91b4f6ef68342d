"""The position of a search through a list in many calls, while others take jobs and return them."""

from __future__ import annotations

BACK, MOST_BACK = 4, 1024
"""Elements before the expected position in which the last that was passed is looked for, and at most."""
FURTHER = 8
"""How many times as far back is looked for it where it is not found."""


class SearchPosition:
    """Begins each step after the element that was passed last, so that no job that stays is skipped."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.anchor = b""
        self.back = BACK
        self.at_once = 0
        """Elements that one command may read, by those that were read; 0: not known."""
        self.missed = False
        """Whether jobs may have been missed: the element that was passed last is gone."""

    def note(self, start: int, end: int, last: bytes, at_once: int = 0) -> None:
        """Continue at ``end`` after ``last``. ``start``: where the step began; -1: the anchor is gone."""
        if start >= 0:
            self.at_once = at_once
            self.back = max(BACK, 2 * (self.start - start))
            self.start, self.anchor = end, last
        elif self.back < min(self.start, MOST_BACK):
            self.back *= FURTHER
        else:
            self.start, self.anchor, self.back, self.missed = 0, b"", BACK, True
