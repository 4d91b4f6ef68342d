"""From counters in buckets to rates, means and percentiles; closed buckets are remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asok_core.inspection import histograms
from asok_core.inspection.queues import Bucket, total

RECENT = 300
"""Seconds of ten second buckets that a snapshot holds."""
_LATE = 10
"""Seconds after which the counters of a bucket no longer change."""


class BucketMemory:
    """The buckets of one width that were read already, so that only the newest are asked again.

    ``keep`` is how many seconds back they are kept.
    """

    def __init__(self, width: int, keep: int) -> None:
        self.width = width
        self._keep = keep
        self._known: dict[str, dict[int, Bucket]] = {}
        self._read: dict[str, tuple[int, int]] = {}
        self._unreadable: dict[str, list[int]] = {}

    def span(self, now: float, seconds: int | None = None) -> tuple[int, int]:
        """Starts of the first and last bucket of the last ``seconds`` (default: all kept)."""
        last = int(now) - int(now) % self.width
        return last - (seconds or self._keep) + self.width, last

    def missing_from(self, queue: str, first: int) -> int:
        """Start of the first bucket that has to be read, of those from ``first``."""
        since, closed = self._read.get(queue, (first, first))
        return first if first < since else max(first, closed)

    def closed_since(self, queue: str, now: float) -> bool:
        """Whether a bucket of ``queue`` closed since it was read last, or it never was."""
        known = self._read.get(queue)
        return known is None or known[1] != self._still(now)

    def absorb(self, queue: str, read: Iterable[Bucket], first: int, now: float) -> None:
        """Keep what was read from ``first`` up to now."""
        known = self._known.setdefault(queue, {})
        since, closed = self._read.get(queue, (first, first))
        if first > closed:
            # What lies between was never read: it must not pass for empty.
            since = first
        known.update((bucket.start, bucket) for bucket in read)
        oldest = int(now) - self._keep - self.width
        for start in [start for start in known if start < oldest]:
            del known[start]
        unreadable = [start for start, bucket in known.items() if not bucket.readable]
        if unreadable:
            self._unreadable[queue] = unreadable
        else:
            self._unreadable.pop(queue, None)
        self._read[queue] = (min(since, first), self._still(now))

    def window(self, queue: str, first: int, last: int) -> tuple[Bucket, ...]:
        """The buckets that start from ``first`` to ``last``, empty ones too, oldest first."""
        known = self._known.get(queue, {})
        return tuple(
            known.get(start) or Bucket(start, self.width)
            for start in range(first, last + 1, self.width)
        )

    def known(self, queue: str, since: int, until: int) -> Iterator[Bucket]:
        """The buckets that were read and are not empty, from ``since`` to before ``until``."""
        for start, bucket in self._known.get(queue, {}).items():
            if since <= start < until:
                yield bucket

    def unreadable(self) -> Iterator[tuple[str, int]]:
        """The queues and starts of the buckets that could not be read."""
        for queue, starts in self._unreadable.items():
            yield from ((queue, start) for start in starts)

    def _still(self, now: float) -> int:
        seconds = int(now - _LATE)
        return seconds - seconds % self.width

    def keep_only(self, queues: Iterable[str]) -> None:
        """Drop all queues but ``queues``."""
        kept = set(queues)
        for queue in [queue for queue in self._read if queue not in kept]:
            del self._read[queue]
            self._known.pop(queue, None)
            self._unreadable.pop(queue, None)


def rates(closed: Sequence[Bucket]) -> dict[str, float | None]:
    """The rates, means and percentiles of ``QueueStats`` from its closed buckets."""
    last = closed[-6:]
    minute = total(0, 60, last)
    runs = histograms.added(bucket.runs for bucket in closed)
    waits = histograms.added(bucket.waits for bucket in closed)
    seconds = sum(bucket.width for bucket in last) or 1
    finished = minute.ended
    return {
        "enqueued_per_s": minute.enqueued / seconds,
        "completed_per_s": minute.completed / seconds,
        "failed_per_s": minute.failed / seconds,
        "failure_rate": minute.failed / finished if finished else None,
        "wait_ms": minute.wait_ms / finished if finished else None,
        "run_ms": minute.run_ms / finished if finished else None,
        "wait_p95_ms": histograms.percentile(waits, 0.95),
        "run_p95_ms": histograms.percentile(runs, 0.95),
    }
