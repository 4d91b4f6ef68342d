"""Walks over a list or sorted set that others change at the same time.

A walk reads ranges of a few hundred elements, the oldest (or soonest) first, and keeps its position
by the last element it passed over and left: its *anchor*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from asok_core.backends.redis.calls.ranges import Newest, NextRange, Soonest
from asok_core.backends.redis.connection import Connection
from asok_core.inspection.rows import Row
from asok_core.jobs.numbers import score
from asok_core.jobs.oversized import is_alias

WINDOW = 300
WINDOW_BYTES = 1_048_576
"""Elements and bytes of a range at most, but for one element that is larger by itself."""
BATCH = 50
BATCH_BYTES = 262_144
"""The same of what one script moves: it takes a millisecond or two, and no other client is served then."""


@dataclass(frozen=True, slots=True)
class WalkedRange:
    """Elements oldest first, seen at the negative indices ``lo`` to ``hi``; ``length`` of the whole.

    ``scores`` are those of a sorted set. ``restarted``: the anchor was gone, and the walk is at its
    beginning again.
    """

    elements: Sequence[bytes]
    length: int
    lo: int = 0
    hi: int = 0
    scores: Sequence[float] = ()
    restarted: bool = False

    def part(self, first: int, last: int, taken: int = 0) -> WalkedRange:
        """The elements ``first`` to ``last``, where they are once ``taken`` older ones are gone."""
        if self.scores:
            return self
        hi = self.hi + taken - first
        return WalkedRange(self.elements[first : last + 1], self.length, hi - (last - first), hi)


def batches(rows: Sequence[tuple[int, Row]]) -> Iterator[Sequence[tuple[int, Row]]]:
    """Rows, each with its position in the range, in the portions that one script moves."""
    batch: list[tuple[int, Row]] = []
    size = 0
    for at, row in rows:
        batch.append((at, row))
        size += len(row.payload.raw)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Walk(Protocol):
    """Goes once over all elements."""

    left: int
    """Elements that were passed over and stay behind."""

    def window(self, connection: Connection, count: int) -> WalkedRange:
        """The next elements; none when the end is reached."""

    def leave(self, elements: Sequence[bytes]) -> None:
        """Pass over those of the range that stay where they are; the others were taken."""

    def newest(self, connection: Connection, element: bytes) -> int | None:
        """The negative index of the newest element with these bytes, or None."""


class ListWalk:
    """From the right end of a list, where the oldest are, to the left, where others push."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._anchor = b""
        self._step = 4
        self.left = 0

    def window(self, connection: Connection, count: int) -> WalkedRange:
        """The next elements to the left of the anchor, wherever that is by now."""
        left, length, elements = connection.run(
            NextRange(
                elements=self._key,
                passed=self.left,
                anchor=self._anchor,
                count=count,
                most=WINDOW_BYTES,
                step=self._step,
            )
        )
        size = max(1, sum(map(len, elements)) // max(1, len(elements)))
        self._step = max(4, min(count, WINDOW_BYTES // 4 // size))
        restarted = left == 0 < self.left
        self.left = left
        return WalkedRange(elements, length, -(left + len(elements)), -(left + 1), (), restarted)

    def begin_near(self, newest: Sequence[bytes], length: int) -> None:
        """Begin above the oldest of ``newest`` (newest first), which are part of ``length``."""
        if newest:
            self._anchor = newest[-1]
            self.left = length - len(newest) + 1

    def leave(self, elements: Sequence[bytes]) -> None:
        """Pass over ``elements``, oldest first."""
        if elements:
            self._anchor = elements[-1]
            self.left += len(elements)

    def newest(self, connection: Connection, element: bytes) -> int | None:
        """The negative index of the newest element with these bytes, or None."""
        # A full Redis refuses even reads inside MULTI, but not inside a script.
        index, length = connection.run(Newest(elements=self._key, element=element))
        return None if index is None else index - length


class ScoreWalk:
    """Up a sorted set, from the lowest score."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._anchor: bytes | None = None
        self._score = b""
        self._scores: dict[bytes, bytes] = {}
        self._count = 16
        self.left = 0

    def window(self, connection: Connection, count: int) -> WalkedRange:
        """The next members above the anchor; where that is gone, those from its score on."""
        # An alias has no rank; then what was passed over is assumed to be where it was.
        if self._anchor is not None and not is_alias(self._anchor):
            rank = connection.call("ZRANK", self._key, self._anchor)
            below = b"(" + self._score
            self.left = (
                connection.call("ZCOUNT", self._key, "-inf", below)
                if rank is None
                else int(rank) + 1
            )
        last = self.left + min(count, self._count) - 1
        length, flat = connection.run(Soonest(members=self._key, first=self.left, last=last))
        members = flat[::2]
        self._scores = dict(zip(members, flat[1::2], strict=True))
        # No script cuts these, so that the next range is as long as this one's bytes allow.
        small = sum(map(len, members)) < WINDOW_BYTES / 2
        self._count = self._count * 2 if small else max(1, self._count // 4)
        return WalkedRange(members, length, scores=[score(each) for each in flat[1::2]])

    def leave(self, elements: Sequence[bytes]) -> None:
        """Pass over ``elements``, lowest first."""
        if elements:
            self._anchor = elements[-1]
            self._score = self._scores[self._anchor]
            self.left += len(elements)

    def newest(self, connection: Connection, element: bytes) -> int | None:  # noqa: ARG002 - the role's
        """None: where scores decide, no member is the newest."""
        return None
