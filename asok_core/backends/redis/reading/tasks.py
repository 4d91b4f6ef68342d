"""Figures by task, as a reader sees them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import LONGEST_NAME, Keys
from asok_core.backends.redis.packed_figures import BUSIEST, MOST_BYTES, RANKED
from asok_core.backends.redis.reading.query import Query, by_key, required, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.backends.redis.reading.task_memory import TaskMemory
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.release_comparison import Comparison, ReleaseChange
from asok_core.inspection.task_figures import (
    NOTHING,
    OTHER,
    RANGES,
    TaskHistory,
    TaskRange,
    TaskRow,
    TaskTable,
)
from asok_core.jobs.numbers import score

BLOCKS = {MINUTE: HOUR, HOUR: DAY}
"""Seconds that a block holds, by the width of its buckets."""
LONGEST_OF_ALL = 3 * HOUR
"""Seconds after a release for which all tasks are compared: each minute of each task is read."""
BLOCKS_AT_ONCE = 400
"""Blocks of one round trip, about a megabyte: a tenth of a second to read and sum."""
Ranks = dict[str, float]
"""The tasks of a day, each with its number of attempts, busiest first."""


class TaskReader:
    """Reads figures by task. For one thread."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[tuple[str, int], TaskMemory] = {}
        self._compared_from: float = math.inf

    def table(self, round_trips: RoundTrips, span: TaskRange, patience: float) -> TaskTable:
        """All tasks over a range. Of tasks that did nothing since the last call nothing is read.

        After ``patience`` seconds no more tasks are read for the first time; the next call continues.
        """
        until = time.monotonic() + patience
        now = round_trips.ask(server_time())
        first, today = span.first(now), int(now) // DAY * DAY
        days = self._ranks(round_trips, range(first // DAY * DAY, today + 1, DAY))
        # Also those that were among the busiest, and no longer are.
        names = dict.fromkeys(name for ranks in reversed(days.values()) for name in ranks)
        if not names:
            # Such as of another database: nothing that was read before holds.
            self._known.clear()
        ranks = days[today]
        attempts = {OTHER: None, **{name: ranks.get(name, 0.0) for name in names}}
        known = {
            name: number
            for name, number in attempts.items()
            if self._memory(name, span.width).has(first)
        }
        rows: dict[str, TaskRow] = {}
        for some in self._read(round_trips, known, first, span.width, now):
            rows |= {name: self._row(name, span, first) for name in some}
        new = {name: number for name, number in attempts.items() if name not in known}
        for some in self._read(round_trips, new, first, span.width, now):
            rows |= {name: self._row(name, span, first) for name in some}
            if time.monotonic() > until:
                break
        self._keep_only(names, span.width, first, now)
        other = rows.pop(OTHER, None)
        return TaskTable(
            taken_at=now,
            since=first,
            rows=tuple(
                sorted((row for row in rows.values() if row.figures != NOTHING), key=_busiest)
            ),
            other=other if other is not None and other.figures != NOTHING else None,
            others=max(0, len(ranks) - BUSIEST),
            unread=len(names) - len(rows),
        )

    def history(self, round_trips: RoundTrips, name: str, span: TaskRange) -> TaskHistory:
        """One task over a range, bucket by bucket."""
        now = round_trips.ask(server_time())
        first = span.first(now)
        for _ in self._read(round_trips, {name: None}, first, span.width, now):
            pass
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
        for _ in self._read(round_trips, attempts, first, MINUTE, now):
            pass
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
    ) -> Iterator[list[str]]:
        """Read what is new of tasks, and yield those that were read by each round trip.

        ``attempts``: those of today; None where that is not known.
        """
        today, current = int(now) // DAY * DAY, int(now) // width * width
        queries: dict[tuple[str, int], Query[bytes]] = {}
        since: dict[str, int] = {}

        def take() -> list[str]:
            for (name, start), block in round_trips.ask(by_key(queries)).items():
                self._memory(name, width).absorb(start, width, block, since[name])
            # Only now: where the question failed, nothing was read.
            for name, begin in since.items():
                memory = self._memory(name, width)
                memory.attempts, memory.day = attempts[name], today
                memory.close(begin, current)
            names = list(since)
            queries.clear()
            since.clear()
            return names

        for name, number in attempts.items():
            memory = self._memory(name, width)
            since[name] = memory.missing_from(first)
            seen = number is not None and (memory.attempts, memory.day) == (number, today)
            if not seen or since[name] < memory.closed:
                for start in _blocks(since[name], current, width):
                    queries[name, start] = self._block(name, width, start)
            if len(queries) >= BLOCKS_AT_ONCE:
                yield take()
        yield take()

    def _block(self, name: str, width: int, start: int) -> Query[bytes]:
        key_of = self._keys.task_minutes if width == MINUTE else self._keys.task_hours
        key = parsing.raw(key_of(name, start))

        def read(replies: Sequence[Any]) -> bytes:
            found = b"" if wrong_type(replies[0]) else required(replies[0])
            return found if isinstance(found, bytes) else b""

        return Query((("GETRANGE", key, -MOST_BYTES, -1),), read)

    def _row(self, name: str, span: TaskRange, first: int) -> TaskRow:
        memory = self._memory(name, span.width)
        figures = memory.total(first, span.width, span.count, span.name)
        return TaskRow(name, figures, memory.trend(first, span.width, span.count))

    def _memory(self, name: str, width: int) -> TaskMemory:
        return self._known.setdefault((name, width), TaskMemory())

    def _keep_only(self, names: Iterable[str], width: int, first: int, now: float) -> None:
        listed = {*names, OTHER}
        # Another range may be shown again: reading all hours of it takes longest.
        longest = self._compared_from if width == MINUTE else RANGES["14d"].first(now)
        for name, known in list(self._known):
            if known == width and name not in listed:
                del self._known[name, known]
            elif known == width:
                self._known[name, known].drop_before(int(min(first, longest)))


def _blocks(since: int, current: int, width: int) -> range:
    block = BLOCKS[width]
    return range(since // block * block, current + 1, block)


def _busiest(row: TaskRow) -> tuple[int, str]:
    return (-row.figures.ended, row.name)
