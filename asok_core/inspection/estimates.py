"""When a pending job starts: a range, from what is ahead of it and how fast that was consumed lately.

Ahead are the jobs of its queue, those that workers have claimed and not begun, and those of the queues
that every worker of its queue serves before it. They are consumed as fast as attempts of these queues
finished, less what came into the queues served before it. How much that varied from bucket to bucket
makes the range. It holds as long as workers, pauses and the order of jobs stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

from asok_core.inspection import reasons
from asok_core.inspection.events import EventKind
from asok_core.inspection.job_case import AT_ONCE, JobCase
from asok_core.inspection.phrases import counted, duration, named_queues
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.reason import Reason
from asok_core.inspection.task_figures import FEW
from asok_core.inspection.workers import HEARTBEAT, WorkerInfo

FEWEST = 3
"""Buckets below which a rate is not known."""
GROUP = 3
"""Successive buckets that are added up to see how slowly a rate changes."""
LONG, FAR = 120.0, 3600.0
"""Seconds of counters that a high confidence requires, and seconds ahead that it reaches."""
_EXPECTED = 3.0
"""Attempts that must be expected in the last minute for their absence to mean anything."""
_MINUTE = 6
_CHANGES = (EventKind.QUEUE_PAUSED, EventKind.QUEUE_RESUMED)
_FEWER = (EventKind.WORKER_STOPPED, EventKind.WORKER_LOST)
_WARNINGS = (EventKind.WARNING_RAISED, EventKind.WARNING_CLEARED)


class Confidence(StrEnum):
    """How sure an estimate is."""

    HIGH = "high"
    """20 attempts or more in two minutes or more in which jobs waited, and a range whose end is within an
    hour and, but for three seconds, at most twice its start. Also where a slot is free for the job."""
    MEDIUM = "medium"
    LOW = "low"
    """Few attempts, or a range that is wide or whose end is not known."""
    NOT_KNOWN = "not known"


class Estimate(NamedTuple):
    """A pending job starts between ``low`` and ``high`` seconds from now.

    ``high`` is None where no end is known, ``low`` too where nothing is known. ``basis`` is a phrase
    that says from what it is derived, or why it is not known.
    """

    low: float | None
    high: float | None
    basis: str
    confidence: Confidence
    ahead: int | None = None
    """Jobs that start before it."""
    per_second: float | None = None
    """How fast these were consumed."""
    seconds: float = 0.0
    """Over how much time that was counted, in which ``attempts`` finished."""
    attempts: int = 0


class _Flow(NamedTuple):
    """What the queue of a job and those served before it did in buckets, the oldest first."""

    width: float
    finished: tuple[int, ...]
    """Attempts that ended."""
    net: tuple[int, ...]
    """Finished attempts less what came into the queues served before."""
    had_work: tuple[bool, ...]
    """Whether more jobs waited when a bucket began than finished in it: no worker waited for jobs."""


def estimate(case: JobCase, found: Sequence[Reason]) -> Estimate:
    """When a pending job starts, or why that is not known. ``found``: the reasons why it waits."""
    stats, ahead = reasons.queue_of(case.queue, case.snapshot), case.detail.position
    if stats is None or ahead is None:
        return _not_known("its queue or its position in it is not known")
    able = reasons.claiming(case.queue, case.snapshot)
    before = reasons.served_before(case.queue, case.snapshot)
    if why := _obstacle(case, found, before, able):
        return _not_known(why)
    total = ahead + max(0, stats.active - stats.running) + sum(each.pending for each in before)
    responsive = reasons.responsive(case.queue, case.snapshot)
    free = sum(each.slots - each.running - each.claimed for each in responsive)
    if total < free and case.is_new:
        return Estimate(0.0, AT_ONCE, "a slot is free for it", Confidence.HIGH, total)
    since = _steady_since(case, able, before)
    if math.isinf(since):
        return _not_known("when its workers or pauses last changed is not known")
    flow = _flow(stats, before, since)
    return _by_rate(flow, total, sum(each.slots for each in able), stats)


def _obstacle(
    case: JobCase,
    found: Sequence[Reason],
    before: Sequence[QueueStats],
    able: Sequence[WorkerInfo],
) -> str:
    """Why its start depends on something else than the jobs ahead, or ''."""
    for each in found:
        if each.blocking or each.code in ("would_not_run", "not_known"):
            return each.text
    if not reasons.responsive(case.queue, case.snapshot):
        return "no worker that serves its queue is known to send heartbeats"
    if shared := _shared(case, before, able):
        return f"other workers serve {named_queues(shared)} too, in which jobs are ahead of it"
    return ""


def _not_known(why: str) -> Estimate:
    return Estimate(None, None, why, Confidence.NOT_KNOWN)


def _shared(case: JobCase, before: Sequence[QueueStats], able: Sequence[WorkerInfo]) -> list[str]:
    """Queues with jobs ahead of it that workers consume which do not serve its queue."""
    ids = {each.id for each in able}
    others = [
        each
        for each in case.snapshot.workers
        if each.id not in ids and each.claims(case.snapshot.taken_at)
    ]
    return [
        stats.name
        for stats in before
        if stats.pending and any(stats.name in each.queues for each in others)
    ]


def _steady_since(case: JobCase, able: Sequence[WorkerInfo], before: Sequence[QueueStats]) -> float:
    """Since when the same workers have claimed from the same queues; infinite where it is not known."""
    names = {case.queue, *(each.name for each in before)}
    serving = [each for each in case.snapshot.workers if case.queue in each.queues]
    changed = _workers_changed(case, {each.id for each in serving})
    moments = [case.snapshot.events_since, *changed.values()]
    moments += [each.started_at for each in able if each.started_at is not None]
    for each in serving:
        if each.no_heartbeat_for(case.now) is not None:
            moments.append(each.beat_at or math.inf)
        elif each.condition != "starting" and not each.claims(case.now):
            moments.append(changed.get(each.id, math.inf))
    for event in case.snapshot.events:
        paused = event.kind in _CHANGES and event.fields.get("queue") in names
        fewer = event.kind in _FEWER and case.queue in event.fields.get("queues", "").split(",")
        if (paused or fewer) and event.at is not None:
            moments.append(event.at)
    return max(moments)


def _workers_changed(case: JobCase, workers: AbstractSet[str]) -> dict[str, float]:
    """When each of some workers last began or ceased to claim, as operators and warnings show it."""
    # A worker follows an order with its next heartbeat.
    found = [
        (each.commanded, each.at and each.at + HEARTBEAT)
        for each in case.activities
        if each.commanded
    ]
    found += [
        (each.fields.get("worker", ""), each.at)
        for each in case.snapshot.events
        if each.kind in _WARNINGS
    ]
    changed: dict[str, float] = {}
    for worker, at in found:
        if worker in workers and at is not None:
            changed[worker] = max(at, changed.get(worker, 0.0))
    return changed


def _flow(stats: QueueStats, before: Sequence[QueueStats], since: float) -> _Flow:
    every = [stats, *before]
    # The newest bucket still fills.
    by_start: dict[int, list[tuple[QueueStats, Bucket]]] = {}
    for each in every:
        for bucket in each.recent:
            by_start.setdefault(bucket.start, []).append((each, bucket))
    starts = sorted(by_start, reverse=True)
    jobs = sum(each.pending for each in every)
    finished, net, full = [], [], []
    for start in starts:
        parts = by_start[start]
        done = sum(bucket.ended for _, bucket in parts)
        came = sum(bucket.enqueued + bucket.retried for _, bucket in parts)
        jobs += done - came
        # Counters that are not readable, and those before the last change, show nothing of the rate now.
        if start == starts[0] or start < since or not all(b.readable for _, b in parts):
            continue
        arrived = sum(
            bucket.enqueued + bucket.retried for each, bucket in parts if each is not stats
        )
        finished.append(done)
        net.append(done - arrived)
        full.append(jobs > done)
    width = stats.recent[0].width if stats.recent else 0
    return _Flow(width, tuple(finished[::-1]), tuple(net[::-1]), tuple(full[::-1]))


def _by_rate(flow: _Flow, ahead: int, slots: int, stats: QueueStats) -> Estimate:
    seconds = flow.width * len(flow.net)
    if len(flow.net) < FEWEST:
        return _not_known("too little is counted since its workers or pauses last changed")
    if not sum(flow.finished):
        return _not_known(f"nothing was finished in the last {_span(seconds)} that are counted")
    expected = sum(flow.finished) / len(flow.finished) * _MINUTE
    if len(flow.net) > _MINUTE and expected >= _EXPECTED and not sum(flow.finished[-_MINUTE:]):
        return _not_known("nothing was finished in the last minute that is counted")
    busy = [at for at, full in enumerate(flow.had_work) if full]
    limited = len(busy) < FEWEST
    chosen = list(range(len(flow.net))) if limited else busy
    counts = [flow.net[at] for at in chosen]
    attempts = sum(flow.finished[at] for at in chosen)
    if not attempts:
        return _not_known("nothing was finished while jobs waited")
    if sum(counts) <= 0:
        return _not_known("jobs come into the queues served before it as fast as jobs are finished")
    low, high = _range(counts, ahead)
    low, high = low * flow.width, None if high is None else high * flow.width
    rate = sum(counts) / len(counts) / flow.width
    if limited:
        # Its workers waited for jobs: they can do more than they did, as much as their slots allow.
        fastest = slots * 1000 / stats.run_ms if stats.run_ms else math.inf
        low = min(low, ahead / max(fastest, rate))
    counted_for = flow.width * len(counts)
    sure = _confidence(low, high, seconds=counted_for, attempts=attempts, limited=limited)
    span = f"in the last {_span(seconds)}"
    if counted_for < seconds:
        span = f"in the {_span(counted_for)} of the last {_span(seconds)} in which jobs waited"
    basis = _basis(ahead, rate, span, attempts)
    return Estimate(low, high, basis, sure, ahead, rate, counted_for, attempts)


def _range(counts: Sequence[int], ahead: int) -> tuple[float, float | None]:
    """The buckets after which this number of jobs is consumed, from the earliest to the latest (95 %).

    In ``k`` buckets ``m k`` jobs are consumed, with a variance of ``v k`` for what changes from one to
    the next, and of ``v k k / n`` since the mean is known from ``n`` buckets only.
    """
    number = len(counts)
    mean = sum(counts) / number
    variance = max(_variance(counts), mean)
    z = 2.0 if number >= 2 * GROUP else 3.0
    a, b = mean * mean - z * z * variance / number, z * z * variance

    def crossing(jobs: float) -> tuple[float, float | None]:
        # (m k - jobs)^2 = z^2 v k (1 + k / n)
        half = mean * jobs + b / 2
        root = math.sqrt(max(half * half - a * jobs * jobs, 0.0))
        return jobs * jobs / (half + root), (half + root) / a if a > 0 else None

    return crossing(ahead)[0], crossing(ahead + 1)[1]


def _variance(counts: Sequence[int]) -> float:
    """That of one bucket, or of a group of successive ones by bucket where that is more: rates drift."""
    groups = [sum(counts[at : at + GROUP]) for at in range(0, len(counts) - GROUP + 1, GROUP)]
    slow = _spread(groups) / GROUP if len(groups) >= GROUP else 0.0
    return max(_spread(counts), slow)


def _spread(values: Sequence[int]) -> float:
    mean = sum(values) / len(values)
    return sum((each - mean) ** 2 for each in values) / (len(values) - 1)


def _confidence(
    low: float, high: float | None, *, seconds: float, attempts: int, limited: bool
) -> Confidence:
    if high is None or attempts < FEW or high > 4 * low + AT_ONCE:
        return Confidence.LOW
    if limited or seconds < LONG or high > 2 * low + AT_ONCE or high > FAR:
        return Confidence.MEDIUM
    return Confidence.HIGH


def _basis(ahead: int, rate: float, span: str, attempts: int) -> str:
    speed = f"{rate:,.0f} jobs/s" if rate >= 10 else f"{rate:.1f} jobs/s"
    if rate < 0.1:
        speed = f"{rate * 60:.1f} jobs/min"
    return f"{counted(ahead, 'job')} before it, {speed} {span} ({counted(attempts, 'attempt')})"


def _span(seconds: float) -> str:
    return duration(seconds if seconds < LONG else round(seconds / 60.0) * 60.0)
