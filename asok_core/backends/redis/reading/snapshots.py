"""How a snapshot is taken: three round trips of commands whose cost does not grow with queues.

First what is one thing of a kind (clock, INFO, lengths, names); then every queue and worker by
name; then the records of the jobs that run. What no name leads to (queues of foreign producers,
active lists of workers long dead) is found by a SCAN that goes on a little with each snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from asok_core import clock
from asok_core.backends.redis import parsing
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import COARSE, FINE, Keys, worker_of
from asok_core.backends.redis.members import STEP
from asok_core.backends.redis.reading import rates as figures
from asok_core.backends.redis.reading.load import QueueLoads, measure
from asok_core.backends.redis.reading.queries import (
    BRIEF,
    HELD,
    ActiveList,
    Command,
    Query,
    QueueReading,
    ScriptQueries,
    Window,
    WorkerReading,
    maybe,
    one,
    required,
)
from asok_core.backends.redis.reading.round_trips import Queries, RoundTrips
from asok_core.inspection.partial_payload import PartialPayloads
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.snapshot import (
    Bucket,
    QueueStats,
    RunningJob,
    ServerInfo,
    Snapshot,
    WorkerInfo,
    digest,
)
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.numbers import count, score
from asok_core.jobs.states import Status

MOST_QUEUES = 1000
MOST_WORKERS = 500
LONGEST_NAME = 1024
"""Bytes of a name (of a queue, a worker, a job): ours are shorter, and a longer one is not read."""
CLIP = LONGEST_NAME + 1
"""Bytes of a name that are asked for, so that one that is too long shows that it is."""
MOST_ORPHANS = 500
FIRST_SCAN = 4000
NEXT_SCANS = 400
"""Keys a SCAN looks at: the first time (a small database is seen whole) and each time after."""
RECORDS = 100
"""Records that one call of a script reads."""
MOST_RUNNING = 2000
DAY = 86_400
STARTS_KEPT = 5.0
"""Seconds for which it is remembered when a job that still runs began."""


class _Facts(NamedTuple):
    """What is known of a queue beside its rates."""

    length: int | None
    active: int
    running: int
    oldest_at: float | None
    paused: bool
    consumers: int
    slots: int
    recent: tuple[Bucket, ...]


class SnapshotTaker:
    """Takes snapshots, and remembers from one to the next what does not change any more."""

    def __init__(
        self, keys: Keys, configured: Sequence[str], url: str, redaction: Redaction
    ) -> None:
        self._keys = keys
        self._configured = configured
        self._url = url
        self._with_rates = True
        self._payloads = PartialPayloads(None, redaction)
        self._server: ServerInfo | None = None
        self._forget()

    def _forget(self) -> None:
        self._cursor: int | None = None
        self._found: dict[str, None] = {}
        self._orphans: dict[bytes, int] = {}
        self.fine = figures.BucketMemory(FINE, 3600)
        self.coarse = figures.BucketMemory(COARSE, DAY)
        self._recent: dict[str, tuple[tuple[Bucket, ...], dict[str, float | None]]] = {}
        self._jobs: dict[str, tuple[RunningJob, ...]] = {}
        self._known: dict[str, tuple[_Facts, QueueStats]] = {}
        self._starts: dict[tuple[str, bytes], float] = {}
        self._starts_asked = 0.0

    def _note_server(self, server: ServerInfo) -> bool:
        """Drop what is remembered where the server is another, or lost most keys: whether it did."""
        before, self._server = self._server, server
        if before is None:
            return False
        changed = before.run_id != server.run_id or 2 * (server.keys or 0) < (before.keys or 0)
        if changed:
            self._forget()
        return changed

    def take(self, round_trips: RoundTrips, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """The state of everything; ``rates`` and ``jobs`` as in ``Reader.snapshot``."""
        self._with_rates = rates
        first = _First(round_trips, self._keys, self._url, self._scan_command())
        # Jobs that were named before are not left out because what was remembered of them is void.
        named = bool(self._jobs)
        jobs = (self._note_server(first.server) and named) or jobs
        most = HELD if jobs else 0
        self._note_scan(first.scanned)
        now, queries = first.now, round_trips.queries

        names = self._names(first.queues, first.paused)
        first.ask_paused(round_trips, self._keys, names)
        orphans = list(self._orphans)
        due, *rest = round_trips.ask(
            [
                maybe("ZCOUNT", self._keys.delayed, "-inf", f"{now:.6f}"),
                *self._queue_queries(queries, names, now),
                *(queries.worker(worker_id, most) for worker_id, _ in first.leases),
                *(maybe("LLEN", key) for key in orphans),
            ]
        )
        readings = dict(zip(names, rest, strict=False))
        said: list[WorkerReading] = rest[len(names) : len(names) + len(first.leases)]
        workers = [
            parsing.worker(worker_id, lease, reading.fields)
            for (worker_id, lease), reading in zip(first.leases, said, strict=True)
        ]
        self._note_orphans(dict(zip(orphans, rest[len(names) + len(said) :], strict=True)), workers)
        orphaned = sum(self._orphans.values())
        if not isinstance(queries, ScriptQueries):
            held = round_trips.ask(
                [
                    queries.held(worker.id, reading.fields, most)
                    for worker, reading in zip(workers, said, strict=True)
                ]
            )
        else:
            held = [reading.held for reading in said]

        late = self._late_names(names, workers)
        first.ask_paused(round_trips, self._keys, late)
        running = {
            worker.id: self._running(parts) for worker, parts in zip(workers, held, strict=True)
        }
        ids = self._without_start(running.values(), now)
        # The framework's jobs do not say when they were enqueued; their records do.
        heads = [job for reading in readings.values() for job in self._sampled(reading)]
        silent = [job.id for job in heads if job.enqueued_at is None]
        batches = _batches([*ids[:MOST_RUNNING], *silent])
        answers = round_trips.ask(
            [
                *self._queue_queries(queries, late, now),
                *(queries.records(batch, ("status", "ts", "started_at")) for batch in batches),
            ]
        )
        readings |= zip(late, answers, strict=False)
        records: dict[str, JobRecord] = {}
        for part in answers[len(late) :]:
            records |= part

        if jobs:
            self._jobs = self._started(running, records)
        workers = [replace(worker, jobs=self._jobs.get(worker.id, ())) for worker in workers]
        workers, load = measure(workers, held, now)
        stats = self._stats(readings, load, records, first)
        self.fine.forget(readings)
        self._recent = {name: self._recent[name] for name in readings if name in self._recent}
        return Snapshot(
            taken_at=now,
            server=first.server,
            queues=tuple(stats),
            workers=tuple(sorted(workers, key=lambda worker: (worker.host, worker.id))),
            pending=sum(each.pending for each in stats),
            delayed=first.delayed.total or 0,
            due=count(due),
            next_due_at=first.delayed.items[0].score if first.delayed.items else None,
            active=sum(each.length for parts in held for each in parts) + orphaned,
            running=sum(worker.running for worker in workers),
            orphaned=orphaned,
            dead=first.newest.total or 0,
            oldest_dead_at=(
                self._payloads.of(first.oldest.items[0]).failed_at if first.oldest.items else None
            ),
            dead_head=_head_of(first.newest),
            problems=tuple(_problems(first)),
            unread=tuple(_unread(first)),
            cost=round_trips.cost(),
        )

    def _scan_command(self) -> Query[Any]:
        count = FIRST_SCAN if self._cursor is None else NEXT_SCANS
        # `q` for pending lists and `a` for active ones: the pattern spares job records.
        pattern = f"{self._keys.namespace}:[qa]*"
        return maybe("SCAN", self._cursor or 0, "MATCH", pattern, "COUNT", count, "TYPE", "list")

    def _note_scan(self, reply: Any) -> None:
        if not isinstance(reply, list) or len(reply) != 2:
            return
        self._cursor = int(reply[0])
        for key in reply[1]:
            name = self._keys.queue_name(parsing.text(key))
            if name is not None:
                if len(self._found) < MOST_QUEUES:
                    self._found[name] = None
            elif self._keys.active_parts(parsing.text(key)) and len(self._orphans) < MOST_ORPHANS:
                self._orphans.setdefault(key, 0)

    def _names(self, known: Iterable[str], paused: Iterable[str]) -> list[str]:
        rest = sorted({*known, *paused, *self._found} - set(self._configured))
        return [*dict.fromkeys(self._configured), *rest][:MOST_QUEUES]

    def _late_names(self, names: Sequence[str], workers: Iterable[WorkerInfo]) -> list[str]:
        served = {queue for worker in workers for queue in worker.queues}
        return sorted(served - set(names))[: MOST_QUEUES - len(names)]

    def _queue_queries(
        self, queries: Queries, names: Iterable[str], now: float
    ) -> list[Query[QueueReading]]:
        first, last = self.fine.span(now, figures.RECENT)
        return [
            queries.queue(name, self.fine.missing_from(name, first), last)
            if self._counted(name, now)
            else queries.queue(name, last, last - FINE)
            for name in names
        ]

    def _counted(self, name: str, now: float) -> bool:
        # Rates are those of closed buckets, so between two closings there is nothing to read.
        return self._with_rates and (name not in self._recent or self.fine.closed_since(name, now))

    def _note_orphans(self, lengths: dict[bytes, Any], workers: Iterable[WorkerInfo]) -> None:
        served = {worker.id: worker.queues for worker in workers}
        self._orphans = {}
        for key, length in lengths.items():
            process, queue = self._keys.active_parts(parsing.text(key)) or ("", "")
            if length and queue not in served.get(worker_of(process), ()):
                self._orphans[key] = length

    def _running(self, held: Sequence[ActiveList]) -> tuple[RunningJob, ...]:
        return tuple(
            RunningJob(
                self._payloads.of(item),
                worker_of(each.process),
                each.process,
                each.queue,
            )
            for each in held
            for item in each.items
        )

    def _without_start(self, running: Iterable[Iterable[RunningJob]], now: float) -> list[str]:
        # What began has begun, unless its process died and took up the same job again.
        if not self._starts_asked <= now < self._starts_asked + STARTS_KEPT:
            self._starts, self._starts_asked = {}, now
        return [
            job.payload.id
            for each in running
            for job in each
            if job.payload.id and (job.process, job.payload.raw) not in self._starts
        ]

    def _started(
        self, running: dict[str, tuple[RunningJob, ...]], records: dict[str, JobRecord]
    ) -> dict[str, tuple[RunningJob, ...]]:
        known, self._starts = self._starts, {}
        found = {}
        for name, jobs in running.items():
            started = []
            for job in jobs:
                key = job.process, job.payload.raw
                start = known.get(key) or _start(records.get(job.payload.id))
                if start is not None:
                    self._starts[key] = start
                started.append(job if start is None else job._replace(started_at=start))
            found[name] = tuple(started)
        return found

    def _sampled(self, reading: QueueReading) -> list[Job]:
        jobs = (self._payloads.of(item).job for item in reading.sample)
        return [job for job in jobs if job is not None]

    def _stats(
        self,
        readings: dict[str, QueueReading],
        load: QueueLoads,
        records: dict[str, JobRecord],
        first: _First,
    ) -> list[QueueStats]:
        known, self._known = self._known, {}
        for name, reading in readings.items():
            recent, rates = self._figures(name, reading, first.now)
            facts = _Facts(
                reading.length,
                load.active.get(name, 0),
                load.running.get(name, 0),
                _oldest_at(self._sampled(reading), records, first.now),
                name in first.paused,
                load.consumers.get(name, 0),
                load.slots.get(name, 0),
                recent,
            )
            # Most queues stand as they stood a second ago.
            before = known.get(name)
            if before is None or before[0] != facts:
                before = facts, _queue_stats(name, facts, rates)
            self._known[name] = before
        return [stats for _, stats in self._known.values()]

    def _figures(
        self, name: str, reading: QueueReading, now: float
    ) -> tuple[tuple[Bucket, ...], dict[str, float | None]]:
        if not self._with_rates:
            return (), {}
        if self._counted(name, now):
            start, last = self.fine.span(now, figures.RECENT)
            since = self.fine.missing_from(name, start)
            self.fine.absorb(name, reading.buckets, since, now)
            recent = self.fine.window(name, start, last)
            self._recent[name] = recent, figures.rates(recent[:-1])
        return self._recent[name]


class _First:
    """The first round trip: everything that there is one of."""

    def __init__(
        self,
        round_trips: RoundTrips,
        keys: Keys,
        url: str,
        scan: Query[Any],
    ) -> None:
        def clipped(*command: str | int) -> Command:
            return round_trips.queries.clipped(CLIP, *command)

        time, info, save, keys_found, queues, paused, leases, self.scanned, *windows = (
            round_trips.ask(
                [
                    maybe("TIME"),
                    maybe("INFO"),
                    maybe("CONFIG", "GET", "save"),
                    maybe("DBSIZE"),
                    _members(keys.queues, clipped("SSCAN", keys.queues, 0, "COUNT", STEP)),
                    _members(keys.paused, clipped("SSCAN", keys.paused, 0, "COUNT", STEP)),
                    _leases(clipped("ZREVRANGE", keys.workers, 0, MOST_WORKERS - 1, "WITHSCORES")),
                    scan,
                    round_trips.queries.window(keys.delayed, "score", 0, 1, whole=BRIEF),
                    round_trips.queries.window(keys.dead, "left", 0, 1, whole=BRIEF, sums=True),
                    round_trips.queries.window(keys.dead, "right", 0, 1, whole=BRIEF),
                ]
            )
        )
        self.server = parsing.server(url, info, save, keys_found, round_trips.last_seconds)
        # Who may not ask for the server's time (ACL) gets this machine's.
        self.now = int(time[0]) + int(time[1]) / 1e6 if time else clock.now()
        self.queues = [name for name in queues.names if name][:MOST_QUEUES]
        self.paused = frozenset(paused.names)
        self.unread = {"queues": queues, "paused queues": paused}
        self.leases_unread = leases is None
        leases = leases or []
        self.leases: list[tuple[str, float | None]] = [
            (parsing.text(name), score(until))
            for name, until in zip(leases[::2], leases[1::2], strict=True)
            if len(name) <= LONGEST_NAME
        ]
        self.long = {
            "queues": queues.long,
            "paused queues": paused.long,
            "workers": len(leases) // 2 - len(self.leases),
        }
        self.delayed: Window = windows[0]
        self.newest: Window = windows[1]
        self.oldest: Window = windows[2]

    def ask_paused(self, round_trips: RoundTrips, keys: Keys, names: Sequence[str]) -> None:
        """Learn which of some queues are paused, where not all names of the set were read."""
        total, read, _ = self.unread["paused queues"]
        if total is None or total <= len(read) or not names:
            return
        flags = round_trips.ask([one("SMISMEMBER", keys.paused, *map(parsing.raw, names))])[0]
        self.paused |= {name for name, flag in zip(names, flags, strict=True) if flag}


class _Members(NamedTuple):
    """Names in a set: those that one step of a scan read. ``total`` is None for a key of another type.

    ``long`` are how many of them were left out, since they are longer than a name can be.
    """

    total: int | None
    names: tuple[str, ...]
    long: int = 0


def _members(key: str, scan: Command) -> Query[_Members]:
    """A set that another program may have filled with a million names: how many, and some thousands."""

    def read(replies: Sequence[Any]) -> _Members:
        if wrong_type(replies[0]):
            return _Members(None, ())
        found = required(replies[1])[1]
        names = dict.fromkeys(parsing.text(name) for name in found if len(name) <= LONGEST_NAME)
        long = sum(len(name) > LONGEST_NAME for name in found)
        return _Members(required(replies[0]), tuple(names), long)

    return Query((("SCARD", key), scan), read)


def _leases(command: Command) -> Query[Any]:
    """The workers and their leases; None where the key is of another type."""
    return Query(
        (command,), lambda replies: None if wrong_type(replies[0]) else required(replies[0])
    )


def _queue_stats(name: str, facts: _Facts, rates: Mapping[str, float | None]) -> QueueStats:
    return QueueStats(
        name=name,
        pending=facts.length or 0,
        active=facts.active,
        running=facts.running,
        oldest_at=facts.oldest_at,
        paused=facts.paused,
        consumers=facts.consumers,
        slots=facts.slots,
        problem="" if facts.length is not None else "its key is not a list",
        recent=facts.recent,
        **rates,  # type: ignore[arg-type]
    )


def _start(record: JobRecord | None) -> float | None:
    if record is None or record.status != Status.RUNNING:
        return None
    # The framework's records have no started_at; their ts is that of the last transition.
    return record.started_at or record.ts


def _oldest_at(sample: Sequence[Job], records: dict[str, JobRecord], now: float) -> float | None:
    waits = (_waits_since(job, records, now) for job in sample)
    return min((since for since in waits if since is not None), default=None)


def _waits_since(job: Job, records: dict[str, JobRecord], now: float) -> float | None:
    if job.enqueued_at is not None:
        return job.waits_since(now)
    record = records.get(job.id)
    if record is None:
        return None
    return record.enqueued_at or (record.ts if record.status == Status.PENDING else None)


def _problems(first: _First) -> Iterator[str]:
    """Lines about the lists that all queues share, where their keys are of another type."""
    if first.newest.total is None:
        yield "dead letters cannot be read or written: their key is not a list"
    if first.delayed.total is None:
        yield "delayed jobs cannot be read or written: their key is not a sorted set"
    if first.leases_unread:
        yield "workers cannot be read: the key of their leases is not a sorted set"
    for what, (total, _, _) in first.unread.items():
        if total is None:
            yield f"{what} cannot be read or written: their key is not a set"


def _unread(first: _First) -> Iterator[str]:
    """Lines about names that were not read."""
    for what, long in first.long.items():
        if long:
            one_or_more = (
                f"1 name of {what} was not read: it is"
                if long == 1
                else f"{long:,} names of {what} were not read: each is"
            )
            yield f"{one_or_more} longer than {LONGEST_NAME:,} bytes"
    for what, (total, names, long) in first.unread.items():
        if total is not None and total > len(names) + long:
            yield f"{total:,} names of {what} are in Redis, and {len(names):,} of them were read"


def _head_of(newest: Window) -> str:
    if not newest.items:
        return ""
    item = newest.items[0]
    return item.sha1.decode() or digest(item.text)


def _batches(ids: Sequence[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[at : at + RECORDS] for at in range(0, len(unique), RECORDS)]
