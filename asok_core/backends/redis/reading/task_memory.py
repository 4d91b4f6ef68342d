"""Figures of a task that were read so far. Buckets that no longer change are remembered."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.redis.packed_figures import PackedSum, entries, unpack
from asok_core.inspection.task_figures import NOTHING, Figures, total


class _Kept(NamedTuple):
    """The sum of the buckets from ``first`` to before ``last``, and what it is."""

    first: int
    last: int
    sum: PackedSum
    figures: Figures = NOTHING


class TaskMemory:
    """The figures of one task and one width that were read so far."""

    def __init__(self) -> None:
        self.attempts: float | None = None
        """How many attempts the ranking of the day had when it was read; None: not read."""
        self.day = 0
        self.since = self.closed = 0
        self._packed: dict[int, bytes] = {}
        self._known: dict[int, Figures] = {}
        self._ended: dict[int, int] = {}
        """How many attempts ended in the buckets that are in a sum."""
        self._sums: dict[str, _Kept] = {}

    def missing_from(self, first: int) -> int:
        """The start of the first bucket that has to be read, of those from ``first``."""
        return self.closed if self.has(first) else first

    def has(self, first: int) -> bool:
        """Whether the buckets from ``first`` were read up to some time."""
        return self.since <= first < self.closed

    def absorb(self, start: int, width: int, block: bytes, since: int) -> None:
        """Keep the entries of a block, from the bucket that starts at ``since``."""
        newer = None
        for bucket, packed in entries(block):
            at = start + bucket * width
            if at < since:
                break
            if bucket == newer:
                # The script has begun another entry, as this one has no figures.
                continue
            newer = bucket
            if self._packed.get(at) != packed:
                self._packed[at] = packed
                self._known.pop(at, None)
                self._ended.pop(at, None)
                if any(kept.first <= at < kept.last for kept in self._sums.values()):
                    self._sums.clear()

    def close(self, since: int, current: int) -> None:
        """Note that all buckets from ``since`` were read, and that ``current`` still changes."""
        if since > self.closed:
            # What lies between was never read.
            self.since = since
            self._sums.clear()
        self.since, self.closed = min(self.since, since), current

    def drop_before(self, first: int) -> None:
        """Drop older buckets."""
        if first <= self.since:
            return
        for at in [at for at in self._packed if at < first]:
            del self._packed[at]
            self._known.pop(at, None)
            self._ended.pop(at, None)
        self.since = first
        self._sums = {name: kept for name, kept in self._sums.items() if kept.first >= first}

    def bucket(self, at: int) -> Figures:
        """The figures of the bucket that starts at ``at``."""
        found = self._known.get(at)
        if found is None:
            packed = self._packed.get(at)
            found = (unpack(packed) if packed else None) or NOTHING
            self._known[at] = found
        return found

    def buckets(self, first: int, width: int, count: int) -> list[Figures]:
        """``count`` buckets from the one that starts at ``first``."""
        return [self.bucket(at) for at in range(first, first + count * width, width)]

    def total(self, first: int, width: int, count: int, purpose: str = "") -> Figures:
        """Their sum. That of all but the last is kept per purpose, and changes by single buckets."""
        if count < 1:
            return NOTHING
        last = first + (count - 1) * width
        kept = self._sums.get(purpose)
        if (
            kept is None
            or not kept.first <= first <= kept.last <= last
            or first - kept.first > last - first
        ):
            kept = _Kept(first, first, PackedSum())
        if (first, last) != (kept.first, kept.last):
            for at in range(kept.first, first, width):
                if packed := self._packed.get(at):
                    kept.sum.subtract(packed)
            for at in range(kept.last, last, width):
                if packed := self._packed.get(at):
                    self._ended[at] = kept.sum.add(packed)
            kept = self._sums[purpose] = _Kept(first, last, kept.sum, kept.sum.figures)
        return total((kept.figures, self.bucket(last)))

    def trend(self, first: int, width: int, count: int) -> tuple[int, ...]:
        """How many attempts ended in each of the buckets whose sum was asked for."""
        last = first + (count - 1) * width
        ended = [self._ended.get(at, 0) for at in range(first, last, width)]
        return (*ended, self.bucket(last).ended)
