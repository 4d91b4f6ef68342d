"""Queues as a snapshot has them: their jobs, their rates, and the counters that these come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from asok_core.inspection import histograms
from asok_core.inspection.pauses import QueuePause

COUNTERS = (
    "enqueued", "completed", "failed", "retried", "dead", "dropped", "outcomes_dropped", "run_ms",
    "wait_ms",
)  # fmt: skip
"""The fields of a bucket that are plain counters, by the names they have in Redis."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counters of one queue over one interval. ``start`` is epoch seconds, ``width`` seconds."""

    start: int
    width: int
    enqueued: int = 0
    completed: int = 0
    failed: int = 0
    """Attempts that failed, whether retried or dead."""
    retried: int = 0
    dead: int = 0
    dropped: int = 0
    """Dead jobs that were dropped, since there were too many or they were too old."""
    outcomes_dropped: int = 0
    """Outcomes of runs that came too late: a lease had run out, and another worker had the job."""
    run_ms: int = 0
    """Total run time of the attempts that finished, milliseconds."""
    wait_ms: int = 0
    """Total time from due to start, milliseconds."""
    runs: Mapping[int, int] = field(default_factory=dict)
    waits: Mapping[int, int] = field(default_factory=dict)
    """How many runs and waits there were by length: key ``b`` counts those of up to ``2 ** (b / 4)``
    milliseconds (and more than the key before)."""
    readable: bool = True
    """False where its key is of another type: the counters are unknown, not 0."""

    @property
    def ended(self) -> int:
        """Attempts that completed or failed."""
        return self.completed + self.failed


ALL = "all queues"
"""The name of all queues together, where a queue may be named."""


def add_to(sums: dict[int, Bucket], parts: Iterable[Bucket]) -> None:
    """Add each bucket to that of the same start in ``sums``."""
    for each in parts:
        before = sums.get(each.start)
        sums[each.start] = each if before is None else total(each.start, each.width, (before, each))


def total(start: int, width: int, parts: Iterable[Bucket]) -> Bucket:
    """The sum of buckets as one."""
    added = tuple(parts)
    counters = {name: sum(map(attrgetter(name), added)) for name in COUNTERS}
    runs = histograms.added(bucket.runs for bucket in added)
    waits = histograms.added(bucket.waits for bucket in added)
    readable = all(bucket.readable for bucket in added)
    return Bucket(start, width, runs=runs, waits=waits, readable=readable, **counters)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One queue, now and lately. Rates are jobs per second over the last full minute."""

    name: str
    pending: int
    active: int = 0
    """Jobs in the active lists of live workers."""
    oldest_at: float | None = None
    """Since when the oldest of a few of its jobs waits to run: enqueued, or due where that was later.
    None if it is empty or that is not known."""
    paused: bool = False
    pause: QueuePause | None = None
    """Of a paused queue: what is known of its pause; None: nothing, as of one by another program."""
    consumers: int = 0
    """Live workers that claim from this queue."""
    running: int = 0
    """Of the active jobs those that have a thread; the others are claimed and have not begun."""
    slots: int = 0
    """Threads of those workers."""
    enqueued_per_s: float = 0.0
    completed_per_s: float = 0.0
    failed_per_s: float = 0.0
    failure_rate: float | None = None
    """Failed attempts over finished attempts, 0..1; None when nothing finished."""
    wait_ms: float | None = None
    run_ms: float | None = None
    """Mean wait and run of a job over the last full minute, milliseconds."""
    wait_p95_ms: float | None = None
    run_p95_ms: float | None = None
    """Percentiles over the last five minutes, exact to a quarter of an octave."""
    problem: str = ""
    """Why the queue cannot be read (its key is not a list), or an empty string."""
    recent: tuple[Bucket, ...] = ()
    """The last five minutes in 10 s buckets, oldest first. The newest still fills, and what it
    holds so far is read only when it has closed."""
