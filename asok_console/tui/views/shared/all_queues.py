"""All queues as if they were one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

from asok_core.inspection.queues import ALL, Bucket, QueueStats
from asok_core.inspection.workers import WorkerInfo


def total(queues: Sequence[QueueStats], workers: Sequence[WorkerInfo], now: float) -> QueueStats:
    """All queues as if they were one. Means are weighed by what finished.

    A worker that serves several queues is counted once, and so are its threads.
    """
    serving = [worker for worker in workers if worker.queues and worker.claims(now)]
    failed = sum(q.failed_per_s for q in queues)
    finished = sum(q.completed_per_s for q in queues) + failed
    oldest = [q.oldest_at for q in queues if q.oldest_at is not None]
    waits = [(q.wait_ms, q.completed_per_s + q.failed_per_s) for q in queues]
    runs = [(q.run_ms, q.completed_per_s + q.failed_per_s) for q in queues]
    return QueueStats(
        ALL,
        pending=sum(q.pending for q in queues),
        active=sum(q.active for q in queues),
        oldest_at=min(oldest, default=None),
        running=sum(q.running for q in queues),
        consumers=len(serving),
        slots=sum(worker.slots for worker in serving),
        enqueued_per_s=sum(q.enqueued_per_s for q in queues),
        completed_per_s=sum(q.completed_per_s for q in queues),
        failed_per_s=failed,
        failure_rate=failed / finished if finished else None,
        wait_ms=_mean(waits),
        run_ms=_mean(runs),
        recent=_history.of([q.recent for q in queues]),
    )


def _mean(weighed: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in weighed if value is not None and weight > 0]
    weight = sum(w for _, w in known)
    return sum(v * w for v, w in known) / weight if weight else None


class _History:
    """The sum of histories, added up again only when one of them is another one than before.

    Snapshots share the histories of queues until a bucket closes, and there are thousands of them.
    """

    def __init__(self) -> None:
        self._parts: Sequence[tuple[Bucket, ...]] = ()
        self._sum: tuple[Bucket, ...] = ()

    def of(self, parts: Sequence[tuple[Bucket, ...]]) -> tuple[Bucket, ...]:
        """The sum of ``parts``."""
        same = len(parts) == len(self._parts) and all(map(is_, parts, self._parts))
        if not same:
            self._parts, self._sum = parts, _sum_buckets(parts)
        return self._sum


_history = _History()


def _sum_buckets(histories: Sequence[tuple[Bucket, ...]]) -> tuple[Bucket, ...]:
    sums: dict[int, list[int]] = {}
    width = histories[0][0].width if histories and histories[0] else 10
    for b in (b for history in histories for b in history):
        row = sums.setdefault(b.start, [0] * 7)
        row[0] += b.enqueued
        row[1] += b.completed
        row[2] += b.failed
        row[3] += b.retried
        row[4] += b.dead
        row[5] += b.run_ms
        row[6] += b.wait_ms
    return tuple(
        Bucket(
            start,
            width,
            enqueued=row[0],
            completed=row[1],
            failed=row[2],
            retried=row[3],
            dead=row[4],
            run_ms=row[5],
            wait_ms=row[6],
        )
        for start, row in sorted(sums.items())
    )
