"""Figures by task: how many jobs it ran, how they ended, how long they ran and had waited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asok_core.clock import HOUR, MINUTE
from asok_core.inspection import histograms

OTHER = "other"
"""Where tasks are counted together that are not among the busiest. The name of a task has a dot."""
FEW = 20
"""Attempts below which nothing is concluded from their figures."""


@dataclass(frozen=True, slots=True)
class TaskRange:
    """A range of time: ``count`` buckets of ``width`` seconds, of which the last is the current one."""

    name: str
    width: int
    count: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.width * self.count

    def first(self, now: float) -> int:
        """When its first bucket begins."""
        return int(now) // self.width * self.width - (self.count - 1) * self.width


RANGES: Mapping[str, TaskRange] = {
    each.name: each
    for each in (
        TaskRange("1h", MINUTE, 60),
        TaskRange("24h", HOUR, 24),
        TaskRange("14d", HOUR, 14 * 24),
    )
}
"""The ranges of lists, by their names."""
FINE_RANGES: Mapping[str, TaskRange] = {**RANGES, "24h": TaskRange("24h", MINUTE, 24 * 60)}
"""Those of one task, of which a day is read by the minute."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What workers counted. Attempts are counted, not jobs: a retried job failed and ran again.

    ``started`` attempts began to run, ``failed`` ones raised or were ended, of which ``retried`` were
    followed by another attempt. ``run_us`` is their run time in microseconds, ``size`` the bytes of their
    envelopes. ``runs`` and ``waits`` are histograms of those that ended (``histograms.py``).
    """

    started: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    run_us: int = 0
    size: int = 0
    runs: Mapping[int, int] = field(default_factory=dict)
    waits: Mapping[int, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Attempts that ended."""
        return self.completed + self.failed + self.cancelled

    @property
    def failure_rate(self) -> float | None:
        """Failed attempts of those that completed or failed (0..1); None where there are none."""
        judged = self.completed + self.failed
        return self.failed / judged if judged else None

    @property
    def mean_size(self) -> float | None:
        """Mean bytes of an envelope; None where no attempt ended by itself.

        The supervisor counts those whose process died, and neither size nor run time is known of them.
        """
        measured = sum(self.runs.values())
        return self.size / measured if measured else None

    def run_ms(self, share: float) -> float | None:
        """Milliseconds for which ``share`` (0..1) of the attempts ran at most."""
        return histograms.percentile(self.runs, share)

    def wait_ms(self, share: float) -> float | None:
        """Milliseconds that ``share`` (0..1) of the attempts had waited at most since they were due."""
        return histograms.percentile(self.waits, share)


NOTHING = Figures()


def total(parts: Iterable[Figures]) -> Figures:
    """The sum of figures."""
    every = [each for each in parts if each is not NOTHING]
    if len(every) < 2:
        return every[0] if every else NOTHING
    return Figures(
        sum([each.started for each in every]),
        sum([each.completed for each in every]),
        sum([each.failed for each in every]),
        sum([each.retried for each in every]),
        sum([each.cancelled for each in every]),
        sum([each.run_us for each in every]),
        sum([each.size for each in every]),
        histograms.added(each.runs for each in every),
        histograms.added(each.waits for each in every),
    )


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task over a range. ``trend`` is how many attempts ended in each bucket, oldest first."""

    name: str
    figures: Figures
    trend: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskTable:
    """The tasks that did anything in a range, busiest first.

    ``other`` are those that are not among the busiest, together; ``others`` is how many tasks that are
    today, at least. ``since`` is when the first bucket begins, ``taken_at`` when this was read.
    ``unread`` tasks are still to be read: nothing is known of them, nor of all tasks together.
    """

    taken_at: float
    since: float
    rows: tuple[TaskRow, ...] = ()
    other: TaskRow | None = None
    others: int = 0
    unread: int = 0

    @property
    def run_us(self) -> int:
        """Microseconds that all tasks ran."""
        listed = sum(row.figures.run_us for row in self.rows)
        return listed + (self.other.figures.run_us if self.other else 0)

    def share(self, row: TaskRow) -> float | None:
        """The part (0..1) of the run time of all tasks that one took; None where that is not known."""
        return row.figures.run_us / self.run_us if self.run_us and not self.unread else None

    def per_second(self, count: int) -> float:
        """How many that are a second, over the part of the range that has passed."""
        return count / max(self.taken_at - self.since, 1.0)


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """One task: its figures in each bucket of ``width`` seconds from ``since``, oldest first."""

    name: str
    taken_at: float
    since: int
    width: int
    buckets: Sequence[Figures]

    @property
    def total(self) -> Figures:
        """All buckets together."""
        return total(self.buckets)

    def last(self, seconds: float) -> Figures:
        """The buckets that began in the last ``seconds``."""
        number = max(1, round(seconds / self.width))
        return total(self.buckets[-number:])
