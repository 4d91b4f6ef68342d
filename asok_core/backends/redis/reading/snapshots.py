"""How a snapshot is built: three round trips of named queries, whose cost does not grow with queues.

First what there is one of (``overview.py``); then every queue and worker by name; then the records of the
jobs that run. Each of these takes one more: what workers hold, where scripts are forbidden; a server that
is not the one that was read last; more paused queues than one reply names; a worker that has just gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import FINE, Keys
from asok_core.backends.redis.reading.discovery import MOST_QUEUES, ListDiscovery
from asok_core.backends.redis.reading.events import EventMemory
from asok_core.backends.redis.reading.limits import waiting_buckets
from asok_core.backends.redis.reading.load import measure
from asok_core.backends.redis.reading.notes import NoteMemory
from asok_core.backends.redis.reading.overview import (
    NameSet,
    Overview,
    held_jobs,
    overview,
    paused_among,
    pauses_of,
    read_leases,
)
from asok_core.backends.redis.reading.queries import (
    MOST_ACTIVE,
    ActiveLists,
    QueueState,
    WorkerState,
)
from asok_core.backends.redis.reading.query import by_key, known, maybe, named
from asok_core.backends.redis.reading.queue_stats import QueueStatsReader
from asok_core.backends.redis.reading.rates import BucketMemory
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.backends.redis.reading.running_jobs import RunningJobs
from asok_core.inspection.elsewhere import FoundLists
from asok_core.inspection.events import Events
from asok_core.inspection.holds import HoldState
from asok_core.inspection.limits import LimitBucket
from asok_core.inspection.notes import Notes
from asok_core.inspection.partial_payload import PartialPayloads
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import count


class _Details(NamedTuple):
    """The answers of the second round trip: everything by name."""

    due: Any
    queues: dict[str, QueueState]
    workers: dict[str, WorkerState]
    active_lists: dict[bytes, Any]
    pauses: Mapping[str, QueuePause | None]
    held: tuple[HoldState, ...]
    buckets: tuple[LimitBucket, ...]


class _Additions(NamedTuple):
    """The answers of the last round trip: queues that only workers name, and the records of jobs."""

    queues: dict[str, QueueState]
    records: dict[str, JobRecord]


class SnapshotBuilder:
    """Builds snapshots, and remembers from one to the next what no longer changes."""

    def __init__(
        self, keys: Keys, configured: Sequence[str], url: str, redaction: Redaction
    ) -> None:
        self._keys = keys
        self._configured = configured
        self._url = url
        self._redaction = redaction
        self._payloads = PartialPayloads(None, redaction)
        self._server: ServerInfo | None = None
        self.servers = 0
        """How many servers it has read, each of which may hold something else."""
        self.unnamed = FoundLists()
        """The active lists of whose jobs the last snapshot does not name all."""
        self._reset()

    def _reset(self) -> None:
        self.servers += 1
        self._discovery = ListDiscovery(self._keys)
        self._stats = QueueStatsReader(self._payloads)
        self._running = RunningJobs(self._payloads)
        self._events = EventMemory(self._keys)
        self._notes = NoteMemory(self._keys)

    def buckets(self, width: int) -> BucketMemory:
        """The buckets of 10 or of 60 seconds that were read so far."""
        return self._stats.fine if width == FINE else self._stats.coarse

    def build(self, round_trips: RoundTrips, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """The state of everything; ``rates`` and ``jobs`` as in ``RedisReader.snapshot``."""
        queries = round_trips.queries
        # A single look has no use for what happened.
        news = self._events.query(queries) if rates else known(Events())
        noted = self._notes.query(queries)
        found = round_trips.ask(overview(queries, self._keys, self._discovery.scan(), news, noted))
        server = parsing.server(
            self._url, found.info, found.config, found.keys, round_trips.last_seconds
        )
        # Jobs that were named before are not left out because what was remembered of them is void.
        had_jobs = bool(self._running)
        is_another = self._is_another_server(server)
        jobs = (is_another and had_jobs) or jobs
        events, read_notes = found.events, found.notes
        if is_another:
            # What is known of the server before need not be what this one did not send.
            read_notes = round_trips.ask(self._notes.query(queries))
        if is_another and rates:
            # Only those after the newest of the server before were read.
            events = round_trips.ask(self._events.query(queries))
        most = MOST_ACTIVE if jobs else 0
        self._discovery.note_scan(found.scanned)
        now = found.now

        names = self._names(found)
        paused = self._paused(round_trips, found.paused, names)
        details = round_trips.ask(
            named(
                _Details,
                due=maybe("ZCOUNT", self._keys.delayed, "-inf", f"{now:.6f}"),
                queues=self._stats.queries(queries, names, now, rates=rates),
                workers=by_key({each: queries.worker(each, most) for each in found.leases.leases}),
                active_lists=self._discovery.lengths(),
                pauses=pauses_of(queries, self._keys, [each for each in names if each in paused]),
                held=held_jobs(self._keys, found.holds, found.held_lists.names),
                buckets=waiting_buckets(
                    queries, self._keys, found.held_lists.names, self._redaction
                ),
            )
        )
        leases = self._registered(round_trips, found.leases.leases, details.workers)
        workers = [
            self._worker(each, lease, details.workers[each].fields)
            for each, lease in leases.items()
        ]
        self._discovery.note_lengths(
            details.active_lists, workers, all_leases=not found.workers_unread
        )
        active = round_trips.ask(
            by_key({each: queries.active(each, details.workers[each], most) for each in leases})
        )

        running = {each: self._running.parse(parts.lists) for each, parts in active.items()}
        late = self._late_names(names, workers)
        paused |= self._paused(round_trips, found.paused, late)
        ids = [
            *self._running.without_start(running.values(), now),
            *self._stats.without_age(details.queues, now),
        ]
        added = round_trips.ask(
            named(
                _Additions,
                queues=self._stats.queries(queries, late, now, rates=rates),
                records=queries.records(ids, ("status", "ts", "started_at")),
            )
        )
        if jobs:
            self._running.note(running, added.records)
        workers = [replace(worker, jobs=self._running.of(worker.id)) for worker in workers]
        workers, load = measure(workers, active, now)
        stats = self._stats.note(
            details.queues | added.queues,
            load,
            added.records,
            {name: details.pauses.get(name) for name in paused},
            now,
            rates=rates,
        )
        notes = self._notes.note(read_notes, now)
        unread = tuple(found.unread())
        cut = [
            (each.process, each.queue)
            for parts in active.values()
            for each in parts.lists
            if each.length > len(each.items)
        ]
        whole = self._discovery.is_whole and not unread
        self.unnamed = FoundLists((), (*cut, *self._discovery.lists), whole)
        found_only = self._discovery.orphaned + self._discovery.covered
        oldest = [self._payloads.of(item) for item in found.oldest_dead.items]
        return Snapshot(
            taken_at=now,
            server=server,
            queues=stats,
            workers=tuple(sorted(workers, key=lambda worker: (worker.host, worker.id))),
            pending=sum(each.pending for each in stats),
            delayed=found.delayed.total or 0,
            due=count(details.due),
            next_due_at=next((item.score for item in found.delayed.items), None),
            active=sum(each.length for parts in active.values() for each in parts.lists)
            + found_only,
            running=sum(worker.running for worker in workers),
            orphaned=self._discovery.orphaned,
            dead=found.newest_dead.total or 0,
            oldest_dead_at=next((payload.failed_at for payload in oldest), None),
            dead_head=found.dead_head,
            problems=(*found.problems(), *self._problems(active), *_problems_of(notes)),
            unread=unread,
            workers_unread=found.workers_unread,
            events=self._events.note(events),
            events_since=self._events.since(now),
            notes=notes,
            holds=details.held,
            holds_generation=found.holds.generation,
            unread_holds=found.holds.unread_holds,
            holds_problem=found.holds.problem,
            limits=found.holds.limits,
            buckets=details.buckets,
            cost=round_trips.cost(),
        )

    def _is_another_server(self, server: ServerInfo) -> bool:
        """Whether the server is another one, or lost most keys. Drops what is remembered then."""
        before, self._server = self._server, server
        if before is None:
            return False
        changed = before.run_id != server.run_id or 2 * (server.keys or 0) < (before.keys or 0)
        if changed:
            self._reset()
        return changed

    def _registered(
        self,
        round_trips: RoundTrips,
        leases: Mapping[str, float | None],
        read: Mapping[str, WorkerState],
    ) -> Mapping[str, float | None]:
        """The same without the workers that stopped before their hashes were read."""
        empty = {
            each
            for each, (fields, _) in read.items()
            if fields is not None and not any(fields.values())
        }
        if not empty:
            return leases
        now = round_trips.ask(read_leases(round_trips.queries, self._keys.workers)).leases
        return {each: leases[each] for each in leases if each in now or each not in empty}

    def _worker(
        self, worker_id: str, lease: float | None, fields: dict[str, Any] | None
    ) -> WorkerInfo:
        found = parsing.worker(worker_id, lease, fields or {})
        if found.queues:
            return found
        # Each heartbeat writes them: what else it would report is missing as well.
        why = "is not a hash" if fields is None else "names no queue"
        return replace(found, problem=f"its key {self._keys.worker(worker_id)} {why}")

    def _problems(self, active: Mapping[str, ActiveLists]) -> Iterator[str]:
        """Lines about active lists and statistics whose keys are of another type."""
        keys = [key for parts in active.values() for key in parts.unreadable]
        if keys:
            yield f"active jobs cannot be read or settled: {_not_a('list', keys)}"
        keys = [
            (self._keys.fine if width == FINE else self._keys.coarse)(queue, start)
            for queue, width, start in self._stats.unreadable()
        ]
        if keys:
            yield f"statistics are incomplete: {_not_a('hash of counters', keys)}"

    def _names(self, found: Overview) -> list[str]:
        known = [name for name in found.queues.names if name][:MOST_QUEUES]
        others = {*known, *found.paused.names, *self._discovery.queues} - set(self._configured)
        return [*dict.fromkeys(self._configured), *sorted(others)][:MOST_QUEUES]

    def _late_names(self, names: Sequence[str], workers: Iterable[WorkerInfo]) -> list[str]:
        served = {queue for worker in workers for queue in worker.queues}
        return sorted(served - set(names))[: MOST_QUEUES - len(names)]

    def _paused(
        self, round_trips: RoundTrips, paused: NameSet, queues: Sequence[str]
    ) -> frozenset[str]:
        query = paused_among(self._keys, paused, queues)
        asked = frozenset[str]() if query is None else round_trips.ask(query)
        return asked.union(paused.names)


def _problems_of(notes: Notes) -> Iterator[str]:
    # Who has no right to them needs no warning in each snapshot.
    if notes.problem and not notes.is_forbidden:
        yield f"notes cannot be read: {notes.problem}"


def _not_a(kind: str, keys: Sequence[str]) -> str:
    others = f", and {len(keys) - 1:,} more keys are not" if keys[1:] else ""
    return f"the key {keys[0]} is not a {kind}{others}"
