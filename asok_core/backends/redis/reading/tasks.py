"""Figures by task, as a reader sees them. Buckets that no longer change are remembered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import LONGEST_NAME, Keys
from asok_core.backends.redis.packed_figures import BUSIEST, MOST_BYTES, RANKED, entries, unpack
from asok_core.backends.redis.reading.query import Query, by_key, required, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.release_comparison import Comparison, ReleaseChange
from asok_core.inspection.task_figures import (
    NOTHING,
    OTHER,
    Figures,
    TaskHistory,
    TaskRange,
    TaskRow,
    TaskTable,
    total,
)
from asok_core.jobs.numbers import score

BLOCKS = {MINUTE: HOUR, HOUR: DAY}
"""Seconds that a block holds, by the width of its buckets."""
LONGEST_OF_ALL = 3 * HOUR
"""Seconds after a release for which all tasks are compared: each minute of each task is read."""
Ranks = dict[str, float]
"""The tasks of a day, each with its number of attempts, busiest first."""


class TaskMemory:
    """The figures of one task and one width that were read so far."""

    def __init__(self) -> None:
        self.attempts: float | None = None
        """How many attempts the ranking of the day had when it was read; None: not read."""
        self.day = 0
        self.since = self.closed = 0
        self._packed: dict[int, bytes] = {}
        self._known: dict[int, Figures] = {}
        self._sums: dict[str, tuple[int, int, Figures]] = {}

    def missing_from(self, first: int) -> int:
        """The start of the first bucket that has to be read, of those from ``first``."""
        return first if first < self.since else max(first, self.closed)

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

    def close(self, since: int, current: int) -> None:
        """Note that all buckets from ``since`` were read, and that ``current`` still changes."""
        if since > self.closed:
            # What lies between was never read.
            self.since = since
        self.since, self.closed = min(self.since, since), current

    def drop_before(self, first: int) -> None:
        """Drop older buckets."""
        for at in [at for at in self._packed if at < first]:
            del self._packed[at]
            self._known.pop(at, None)
        self.since = max(self.since, first)

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
        """Their sum. That of all but the last is kept per purpose: only a closed bucket changes it."""
        if count < 1:
            return NOTHING
        last = first + (count - 1) * width
        known = self._sums.get(purpose)
        if known is None or known[:2] != (first, last):
            known = first, last, total(self.buckets(first, width, count - 1))
            self._sums[purpose] = known
        return total((known[2], self.bucket(last)))


class TaskReader:
    """Reads figures by task. For one thread."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[tuple[str, int], TaskMemory] = {}
        self._compared_from: float = math.inf

    def table(self, round_trips: RoundTrips, span: TaskRange) -> TaskTable:
        """All tasks over a range. Of tasks that did nothing since the last call nothing is read."""
        now = round_trips.ask(server_time())
        first, today = span.first(now), int(now) // DAY * DAY
        days = self._ranks(round_trips, range(first // DAY * DAY, today + 1, DAY))
        # Also those that were among the busiest, and no longer are.
        names = dict.fromkeys(name for ranks in reversed(days.values()) for name in ranks)
        if not names:
            # Such as of another database: nothing that was read before holds.
            self._known.clear()
        ranks = days[today]
        attempts = {name: ranks.get(name, 0.0) for name in names}
        self._read(round_trips, {**attempts, OTHER: None}, first, span.width, now)
        rows = [self._row(name, span, first) for name in names]
        other = self._row(OTHER, span, first)
        self._keep_only(names, span.width, first)
        return TaskTable(
            taken_at=now,
            since=first,
            rows=tuple(sorted((row for row in rows if row.figures != NOTHING), key=_busiest)),
            other=other if other.figures != NOTHING else None,
            others=max(0, len(ranks) - BUSIEST),
        )

    def history(self, round_trips: RoundTrips, name: str, span: TaskRange) -> TaskHistory:
        """One task over a range, bucket by bucket."""
        now = round_trips.ask(server_time())
        first = span.first(now)
        self._read(round_trips, {name: None}, first, span.width, now)
        buckets = self._memory(name, span.width).buckets(first, span.width, span.count)
        return TaskHistory(name, now, first, span.width, buckets)

    def comparisons(self, round_trips: RoundTrips, change: ReleaseChange) -> dict[str, Comparison]:
        """Each task before a release and since; none where it began too long ago to read all minutes."""
        now = round_trips.ask(server_time())
        if now - change.at > LONGEST_OF_ALL:
            self._compared_from = math.inf
            return {}
        first, today = change.first, int(now) // DAY * DAY
        self._compared_from = first
        days = self._ranks(round_trips, range(first // DAY * DAY, today + 1, DAY))
        attempts = {name: days[today].get(name, 0.0) for ranks in days.values() for name in ranks}
        self._read(round_trips, attempts, first, MINUTE, now)
        since = change.minute + MINUTE
        former, later = (change.minute - first) // MINUTE, int(now) // MINUTE - since // MINUTE + 1
        found = {}
        for name in attempts:
            memory = self._memory(name, MINUTE)
            before = memory.total(first, MINUTE, former, "before")
            after = memory.total(since, MINUTE, later, "after")
            found[name] = Comparison(change, now, before, after)
        return found

    def _ranks(self, round_trips: RoundTrips, days: Sequence[int]) -> dict[int, Ranks]:
        return round_trips.ask(by_key({day: self._ranking(day) for day in days}))

    def _ranking(self, day: int) -> Query[Ranks]:
        key = parsing.raw(self._keys.tasks(day))

        def read(replies: Sequence[Any]) -> Ranks:
            if wrong_type(replies[0]):
                return {}
            found = required(replies[0])
            return {
                parsing.text(name): score(attempts) or 0.0
                for name, attempts in zip(found[::2], found[1::2], strict=True)
                if len(name) <= LONGEST_NAME and parsing.text(name) != OTHER
            }

        return Query((("ZREVRANGE", key, 0, RANKED - 1, "WITHSCORES"),), read)

    def _read(
        self,
        round_trips: RoundTrips,
        attempts: Mapping[str, float | None],
        first: int,
        width: int,
        now: float,
    ) -> None:
        """Read what is new of tasks. ``attempts``: those of today; None where that is not known."""
        today, current = int(now) // DAY * DAY, int(now) // width * width
        queries: dict[tuple[str, int], Query[bytes]] = {}
        since: dict[str, int] = {}
        for name, number in attempts.items():
            memory = self._memory(name, width)
            since[name] = memory.missing_from(first)
            seen = number is not None and (memory.attempts, memory.day) == (number, today)
            if not seen or since[name] < memory.closed:
                for start in _blocks(since[name], current, width):
                    queries[name, start] = self._block(name, width, start)
        for (name, start), block in round_trips.ask(by_key(queries)).items():
            self._memory(name, width).absorb(start, width, block, since[name])
        # Only now: where the question failed, nothing was read.
        for name, number in attempts.items():
            memory = self._memory(name, width)
            memory.attempts, memory.day = number, today
            memory.close(since[name], current)

    def _block(self, name: str, width: int, start: int) -> Query[bytes]:
        key_of = self._keys.task_minutes if width == MINUTE else self._keys.task_hours
        key = parsing.raw(key_of(name, start))

        def read(replies: Sequence[Any]) -> bytes:
            found = b"" if wrong_type(replies[0]) else required(replies[0])
            return found if isinstance(found, bytes) else b""

        return Query((("GETRANGE", key, -MOST_BYTES, -1),), read)

    def _row(self, name: str, span: TaskRange, first: int) -> TaskRow:
        memory = self._memory(name, span.width)
        trend = [each.ended for each in memory.buckets(first, span.width, span.count)]
        return TaskRow(name, memory.total(first, span.width, span.count), tuple(trend))

    def _memory(self, name: str, width: int) -> TaskMemory:
        return self._known.setdefault((name, width), TaskMemory())

    def _keep_only(self, names: Iterable[str], width: int, first: int) -> None:
        listed = {*names, OTHER}
        for name, known in list(self._known):
            if known == width and name not in listed:
                del self._known[name, known]
            elif known == width:
                kept = min(first, self._compared_from) if width == MINUTE else first
                self._known[name, known].drop_before(int(kept))


def _blocks(since: int, current: int, width: int) -> range:
    block = BLOCKS[width]
    return range(since // block * block, current + 1, block)


def _busiest(row: TaskRow) -> tuple[int, str]:
    return (-row.figures.ended, row.name)
