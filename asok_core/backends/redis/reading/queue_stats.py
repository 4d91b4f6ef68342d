"""The queues of a snapshot: what is read of each, and its statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from asok_core.backends.redis.keys import COARSE, FINE
from asok_core.backends.redis.reading import rates as figures
from asok_core.backends.redis.reading.load import QueueLoads
from asok_core.backends.redis.reading.queries import QueueState
from asok_core.backends.redis.reading.query import Query, by_key
from asok_core.backends.redis.reading.round_trips import Queries
from asok_core.clock import DAY, HOUR
from asok_core.inspection.partial_payload import PartialPayloads
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Status


class _Facts(NamedTuple):
    """What is known of a queue beside its rates."""

    length: int | None
    active: int
    running: int
    oldest_at: float | None
    paused: bool
    pause: QueuePause | None
    consumers: int
    slots: int
    recent: tuple[Bucket, ...]


class QueueStatsReader:
    """Reads queues, and remembers from one snapshot to the next the buckets that no longer change.

    ``fine`` and ``coarse`` are the buckets of 10 and of 60 seconds.
    """

    def __init__(self, payloads: PartialPayloads) -> None:
        self._payloads = payloads
        self.fine = figures.BucketMemory(FINE, HOUR)
        self.coarse = figures.BucketMemory(COARSE, DAY)
        self._recent: dict[str, tuple[tuple[Bucket, ...], dict[str, float | None]]] = {}
        self._known: dict[str, tuple[_Facts, QueueStats]] = {}
        self._samples: dict[str, tuple[bytes, list[Job]]] = {}

    def queries(
        self, queries: Queries, names: Iterable[str], now: float, *, rates: bool
    ) -> Query[dict[str, QueueState]]:
        """What a snapshot reads of each queue; with ``rates`` the buckets that closed meanwhile too."""
        first, last = self.fine.span(now, figures.RECENT)

        def query(name: str) -> Query[QueueState]:
            digest, _ = self._samples.get(name, (b"", ()))
            if rates and self._is_outdated(name, now):
                return queries.queue(name, self.fine.missing_from(name, first), last, digest)
            return queries.queue(name, last, last - FINE, digest)

        return by_key({name: query(name) for name in names})

    def without_age(self, queues: Mapping[str, QueueState], now: float) -> list[str]:
        """Ids of jobs that do not hold since when they wait; their records do.

        Those are jobs of the framework, and those that an operator promoted before they were due.
        """
        jobs = (job for name, reading in queues.items() for job in self._sample(name, reading))
        return [job.id for job in jobs if job.enqueued_at is None or job.waits_since(now) is None]

    def unreadable(self) -> Iterator[tuple[str, int, int]]:
        """Queue, width and start of the buckets that could not be read."""
        for memory in (self.fine, self.coarse):
            yield from ((queue, memory.width, start) for queue, start in memory.unreadable())

    def note(
        self,
        queues: Mapping[str, QueueState],
        load: QueueLoads,
        records: Mapping[str, JobRecord],
        paused: Mapping[str, QueuePause | None],
        now: float,
        *,
        rates: bool,
    ) -> tuple[QueueStats, ...]:
        """The statistics of the queues, which are kept for the next snapshot.

        ``paused`` are the paused ones, with what is known of each pause.
        """
        known, self._known = self._known, {}
        for name, reading in queues.items():
            recent, found = self._figures(name, reading, now) if rates else ((), {})
            facts = _Facts(
                length=reading.length,
                active=load.active.get(name, 0),
                running=load.running.get(name, 0),
                oldest_at=_oldest_at(self._sample(name, reading), records, now),
                paused=name in paused,
                pause=paused.get(name),
                consumers=load.consumers.get(name, 0),
                slots=load.slots.get(name, 0),
                recent=recent,
            )
            # Most queues are as they were a second ago.
            before = known.get(name)
            if before is None or before[0] != facts:
                before = facts, _queue_stats(name, facts, found)
            self._known[name] = before
        self.fine.keep_only(queues)
        self._samples = {name: self._samples[name] for name in queues}
        self._recent = {name: self._recent[name] for name in queues if name in self._recent}
        return tuple(stats for _, stats in self._known.values())

    def _is_outdated(self, name: str, now: float) -> bool:
        # Rates are those of closed buckets: there is nothing to read until the next one closes.
        return name not in self._recent or self.fine.closed_since(name, now)

    def _sample(self, name: str, reading: QueueState) -> list[Job]:
        if reading.sample is not None:
            jobs = (self._payloads.of(item).job for item in reading.sample)
            self._samples[name] = reading.digest, [job for job in jobs if job is not None]
        return self._samples[name][1]

    def _figures(
        self, name: str, reading: QueueState, now: float
    ) -> tuple[tuple[Bucket, ...], dict[str, float | None]]:
        if self._is_outdated(name, now):
            start, last = self.fine.span(now, figures.RECENT)
            since = self.fine.missing_from(name, start)
            self.fine.absorb(name, reading.buckets, since, now)
            recent = self.fine.window(name, start, last)
            self._recent[name] = recent, figures.rates(recent[:-1])
        return self._recent[name]


def _queue_stats(name: str, facts: _Facts, rates: Mapping[str, float | None]) -> QueueStats:
    return QueueStats(
        name=name,
        pending=facts.length or 0,
        active=facts.active,
        running=facts.running,
        oldest_at=facts.oldest_at,
        paused=facts.paused,
        pause=facts.pause,
        consumers=facts.consumers,
        slots=facts.slots,
        problem="" if facts.length is not None else "its key is not a list",
        recent=facts.recent,
        **rates,  # type: ignore[arg-type]
    )


def _oldest_at(sample: Sequence[Job], records: Mapping[str, JobRecord], now: float) -> float | None:
    waits = (_waits_since(job, records, now) for job in sample)
    return min((since for since in waits if since is not None), default=None)


def _waits_since(job: Job, records: Mapping[str, JobRecord], now: float) -> float | None:
    since = job.waits_since(now) if job.enqueued_at is not None else None
    record = records.get(job.id)
    if since is not None or record is None:
        return since
    put_there = record.ts if record.status == Status.PENDING else None
    return put_there if job.enqueued_at is not None else record.enqueued_at or put_there
