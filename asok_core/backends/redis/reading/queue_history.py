"""The history of queues, as a reader sees it. What no longer changes is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from asok_core.backends.redis import parsing
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import COARSE, Keys
from asok_core.backends.redis.packed_figures import MOST_BYTES, entries
from asok_core.backends.redis.queue_blocks import (
    DEPTH,
    MINUTES,
    depths_key,
    period_of,
    slots,
)
from asok_core.backends.redis.reading.query import (
    Query,
    by_key,
    named,
    required,
    server_time,
)
from asok_core.backends.redis.reading.rates import BucketMemory
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.queue_history import (
    HOURS_KEPT,
    MINUTES_KEPT,
    EarlierMinute,
    Period,
    QueueHistory,
    combined,
    period_of_minutes,
    width_of,
)
from asok_core.inspection.queues import Bucket, add_to, total

_LATE = 60
"""Seconds after an hour in which a supervisor may still write its last samples."""
_Slots = list[tuple[int | None, ...]]


class _Asked(NamedTuple):
    """The queue of a history (None: all), the queues that are counted for it, and Redis's time."""

    queue: str | None
    names: Sequence[str]
    now: float

    @property
    def kept(self) -> int:
        """The start of the first minute that Redis surely has."""
        return int(self.now) // MINUTE * MINUTE - MINUTES_KEPT + MINUTE


class QueueHistoryReader:
    """Reads the history of queues. For one thread. ``memory``: the minutes that were read already."""

    def __init__(self, keys: Keys, memory: BucketMemory) -> None:
        self._keys = keys
        self._memory = memory
        self._hours: dict[tuple[str | None, int], Period] = {}
        self._depths: dict[tuple[str | None, int], _Slots] = {}

    def history(
        self,
        round_trips: RoundTrips,
        queue: str | None,
        names: Sequence[str],
        moments: Callable[[float], tuple[float, float]],
    ) -> QueueHistory:
        """A queue (None: all of ``names`` together), by the minute or, from longer ago, by the hour.

        ``moments``: from the time by Redis's clock to those at which the history begins and ends.
        """
        now = round_trips.ask(server_time())
        begin, end = moments(now)
        width = width_of(begin, now)
        oldest = now - (MINUTES_KEPT if width == MINUTE else HOURS_KEPT)
        since = int(max(begin, oldest)) // width * width
        asked = _Asked(queue, (queue,) if queue is not None else names, now)
        until = min(-int(-end // width) * width, int(now) // MINUTE * MINUTE)
        if width == MINUTE:
            since = max(since, asked.kept)
        periods = (
            self._minutes(round_trips, asked, since, until)
            if width == MINUTE
            else self._by_hour(round_trips, asked, since, until)
        )
        return QueueHistory(queue, now, since, max(since, until), width, periods)

    def minute(self, round_trips: RoundTrips, names: Sequence[str], ago: int) -> EarlierMinute:
        """The minute ``ago`` seconds before now, of each of ``names`` and of all queues together."""
        now = round_trips.ask(server_time())
        start = max(int(now - ago) // MINUTE * MINUTE, _Asked(None, names, now).kept)
        of_names: Sequence[str | None] = (*names, None)
        buckets, depths = round_trips.ask(
            named(
                lambda buckets, depths: (buckets, depths),
                buckets=by_key(
                    {
                        name: round_trips.queries.history(name, COARSE, start, start)
                        for name in names
                    }
                ),
                depths=by_key({name: self._slot(name, start) for name in of_names}),
            )
        )
        counted = [bucket for found in buckets.values() for bucket in found]
        counters = [total(start, COARSE, counted)] if counted else []
        return EarlierMinute(
            ago,
            now,
            start,
            period_of_minutes(start, [depths[None]], counters),
            {name: period_of_minutes(start, [depths[name]], buckets[name]) for name in names},
        )

    def _minutes(
        self, round_trips: RoundTrips, asked: _Asked, since: int, until: int
    ) -> list[Period]:
        """Each minute from ``since`` to ``until``."""
        return list(self._made(round_trips, asked, since, until, MINUTE).values())

    def _by_hour(
        self, round_trips: RoundTrips, asked: _Asked, since: int, until: int
    ) -> list[Period]:
        """Each hour from ``since`` to ``until``; those that are not made yet of their minutes."""
        self._read_hours(round_trips, asked.queue, since, until)
        starts = range(since, until, HOUR)
        queue = asked.queue
        missing = [at for at in starts if (queue, at) not in self._hours and at + HOUR > asked.kept]
        made: dict[int, Period] = {}
        if missing:
            made = self._made(round_trips, asked, max(missing[0], asked.kept), until, HOUR)
        periods = []
        for start in starts:
            length = (min(start + HOUR, until) - start) // MINUTE
            parts = [made[start]] if start in made else []
            periods.append(self._hours.get((queue, start)) or combined(start, length, parts))
        return periods

    def _made(
        self, round_trips: RoundTrips, asked: _Asked, since: int, until: int, width: int
    ) -> dict[int, Period]:
        """The minutes from ``since`` to ``until`` in periods of ``width``, by when each begins."""
        if since >= until:
            return {}
        counted = self._counted(round_trips, asked, since, until)
        depths = self._sampled(round_trips, asked, since, until)
        made = {}
        for start in range(since // width * width, until, width):
            minutes = range(max(start, since), min(start + width, until), MINUTE)
            made[start] = period_of_minutes(
                minutes.start,
                [depths[at // HOUR * HOUR][at % HOUR // MINUTE] for at in minutes],
                [counted[at] for at in minutes if at in counted],
            )
        return made

    def _read_hours(
        self, round_trips: RoundTrips, queue: str | None, since: int, until: int
    ) -> None:
        """Read the days of which an hour is not known."""
        days = sorted(
            {
                start // DAY * DAY
                for start in range(since, until, HOUR)
                if (queue, start) not in self._hours
            }
        )
        blocks = round_trips.ask(by_key({day: self._day(queue, day) for day in days}))
        for day, block in blocks.items():
            for each in entries(block):
                start = day + each.bucket * HOUR
                period = period_of(start, each.packed) if each.bucket < DAY // HOUR else None
                if period is not None:
                    self._hours[queue, start] = period
        for known in [known for known in self._hours if known[1] < since - HOURS_KEPT]:
            del self._hours[known]

    def _counted(
        self, round_trips: RoundTrips, asked: _Asked, since: int, until: int
    ) -> dict[int, Bucket]:
        """The minutes in which anything was counted."""
        missing = {name: self._memory.missing_from(name, since) for name in asked.names}
        last = int(asked.now) // COARSE * COARSE
        found = round_trips.ask(
            by_key(
                {
                    name: round_trips.queries.history(name, COARSE, first, last)
                    for name, first in missing.items()
                }
            )
        )
        for name, first in missing.items():
            self._memory.absorb(name, found[name], first, asked.now)
        counted: dict[int, Bucket] = {}
        for name in asked.names:
            add_to(counted, self._memory.known(name, since, until))
        return counted

    def _sampled(
        self, round_trips: RoundTrips, asked: _Asked, since: int, until: int
    ) -> dict[int, _Slots]:
        """The samples of each hour."""
        queue, now = asked.queue, asked.now
        hours = range(since // HOUR * HOUR, until, HOUR)
        missing = [hour for hour in hours if (queue, hour) not in self._depths]
        found = round_trips.ask(by_key({hour: self._hour(queue, hour) for hour in missing}))
        depths = {hour: self._depths.get((queue, hour)) or found[hour] for hour in hours}
        for hour, each in found.items():
            if hour + HOUR + _LATE < now:
                self._depths[queue, hour] = each
        for known in [known for known in self._depths if known[1] < now - MINUTES_KEPT - HOUR]:
            del self._depths[known]
        return depths

    def _day(self, queue: str | None, day: int) -> Query[bytes]:
        key = self._keys.hours(day) if queue is None else self._keys.queue_hours(queue, day)
        return _end_of(key, MOST_BYTES)

    def _hour(self, queue: str | None, hour: int) -> Query[_Slots]:
        key, depths = depths_key(self._keys, queue, hour)
        commands, read = _end_of(key, MINUTES * depths * DEPTH)
        return Query(commands, lambda replies: slots(read(replies), depths))

    def _slot(self, queue: str | None, start: int) -> Query[tuple[int | None, ...]]:
        """The sample of one minute."""
        key, depths = depths_key(self._keys, queue, start // HOUR * HOUR)
        size = depths * DEPTH
        first = start % HOUR // MINUTE * size
        commands, read = _part_of(key, first, first + size - 1)
        return Query(commands, lambda replies: slots(read(replies), depths)[0])


def _part_of(key: str, first: int, last: int) -> Query[bytes]:
    def read(replies: Sequence[Any]) -> bytes:
        found = b"" if wrong_type(replies[0]) else required(replies[0])
        return found if isinstance(found, bytes) else b""

    return Query((("GETRANGE", parsing.raw(key), first, last),), read)


def _end_of(key: str, size: int) -> Query[bytes]:
    return _part_of(key, -size, -1)
