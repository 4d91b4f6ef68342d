"""The history of a queue: its counters and its depth over time, with what is not recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.queues import Bucket, total

MINUTES_KEPT = DAY
"""Seconds back for which there are figures by the minute."""
HOURS_KEPT = 14 * DAY
"""Seconds back for which there are figures by the hour."""
MOST_LINES = 60
"""Periods into which a range is divided at most."""
STEPS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600)
"""Seconds of a period, the shortest first: each divides a day, and the next one or a multiple of it."""


class QueueDepth(NamedTuple):
    """How many jobs there were, by samples. ``minutes`` is the number of samples; 0: not known."""

    minutes: int = 0
    total: int = 0
    """The sum of the samples."""
    highest: int = 0
    last: int = 0

    @property
    def mean(self) -> float | None:
        """The mean of the samples; None where there are none."""
        return self.total / self.minutes if self.minutes else None


UNKNOWN = QueueDepth()


def depth_of(samples: Iterable[int | None]) -> QueueDepth:
    """Samples as one, the oldest first; None is a minute without a sample."""
    known = [each for each in samples if each is not None]
    return QueueDepth(len(known), sum(known), max(known), known[-1]) if known else UNKNOWN


def joined(depths: Iterable[QueueDepth]) -> QueueDepth:
    """Depths of periods that follow each other as one."""
    known = [each for each in depths if each.minutes]
    if not known:
        return UNKNOWN
    return QueueDepth(
        sum(each.minutes for each in known),
        sum(each.total for each in known),
        max(each.highest for each in known),
        known[-1].last,
    )


@dataclass(frozen=True, slots=True)
class Period:
    """A queue over ``minutes`` minutes from ``start`` (epoch seconds).

    ``recorded`` is for how many of these it is known what happened: a worker ran then, or something was
    counted. Of the others nothing is known. ``delayed`` and ``dead`` are those of all queues together.
    """

    start: int
    minutes: int
    recorded: int = 0
    counters: Bucket = field(default_factory=lambda: Bucket(0, 0))
    pending: QueueDepth = UNKNOWN
    delayed: QueueDepth = UNKNOWN
    dead: QueueDepth = UNKNOWN

    @property
    def is_recorded(self) -> bool:
        """Whether anything is known of it."""
        return self.recorded > 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it is recorded."""
        return self.recorded >= self.minutes


def combined(start: int, minutes: int, parts: Iterable[Period]) -> Period:
    """Periods as one of ``minutes`` from ``start``. What of it no part covers is not recorded."""
    each = [part for part in parts if part.is_recorded]
    return Period(
        start,
        minutes,
        sum(part.recorded for part in each),
        total(start, minutes * MINUTE, (part.counters for part in each)),
        joined(part.pending for part in each),
        joined(part.delayed for part in each),
        joined(part.dead for part in each),
    )


def period_of_minutes(
    start: int, depths: Sequence[Sequence[int | None]], buckets: Iterable[Bucket]
) -> Period:
    """Minutes from ``start`` as one period.

    ``depths``: of each minute pending jobs, and of all queues delayed and dead ones; None is not known.
    ``buckets``: the minutes in which anything was counted. A minute is recorded if it has a sample or such
    a bucket, unless that cannot be read.
    """
    counted = {each.start: each for each in buckets}
    readable = [each for each in counted.values() if each.readable]
    sampled = {
        start + at * MINUTE for at, each in enumerate(depths) if any(n is not None for n in each)
    }
    recorded = (sampled | counted.keys()) - {
        each.start for each in counted.values() if not each.readable
    }
    columns = list(zip(*depths, strict=True))
    return Period(
        start,
        len(depths),
        len(recorded),
        total(start, len(depths) * MINUTE, readable),
        *(depth_of(column) for column in columns),
    )


@dataclass(frozen=True, slots=True)
class QueueHistory:
    """A queue (None: all together) in periods of ``width`` seconds, the oldest first.

    ``since`` is when the first begins and ``until`` when the last ends: the present minute is not over,
    and not among them.
    """

    name: str | None
    taken_at: float
    since: int
    until: int
    width: int
    periods: Sequence[Period]

    @property
    def recorded(self) -> int:
        """Minutes that are recorded."""
        return sum(each.recorded for each in self.periods)

    def in_steps(self, width: int) -> QueueHistory:
        """The same in longer periods, which begin at multiples of ``width`` seconds."""
        if width <= self.width:
            return self
        parts: dict[int, list[Period]] = {}
        for each in self.periods:
            parts.setdefault(each.start // width * width, []).append(each)
        periods = [
            combined(each[0].start, sum(part.minutes for part in each), each)
            for _, each in sorted(parts.items())
        ]
        return QueueHistory(self.name, self.taken_at, self.since, self.until, width, periods)


@dataclass(frozen=True, slots=True)
class EarlierMinute:
    """What was recorded in a minute, ``ago`` seconds before ``read_at``. ``whole``: all queues."""

    ago: int
    read_at: float
    start: int
    whole: Period
    queues: Mapping[str, Period]


def width_of(since: float, now: float) -> int:
    """The width of the periods that Redis has from a moment on: minutes, or hours where it is long ago."""
    return MINUTE if now - since <= MINUTES_KEPT else HOUR


def step_of(seconds: float, least: int, most: int = MOST_LINES) -> int:
    """Seconds of the periods, ``least`` or more, of which a range has at most ``most``."""
    wide = [each for each in STEPS if each >= least]
    return next((each for each in wide if each * most >= seconds), wide[-1])
