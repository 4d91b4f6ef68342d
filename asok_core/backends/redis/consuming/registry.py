"""Workers by their leases, and the recovery of what a dead one held."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.cycle import CheckActive
from asok_core.backends.redis.calls.leases import (
    AnswerStack,
    CheckLeases,
    Deregister,
    EndLease,
    NewEvent,
    PublishedField,
    Recover,
    RecoveredJob,
    SendHeartbeat,
)
from asok_core.backends.redis.calls.walks import Slice
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.constants import EVENTS_AGE, EVENTS_LENGTH, WORKER_TTL
from asok_core.backends.redis.consuming.leases import LONGEST_LEASE, Expired, Heartbeat, Look
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.keys import Keys, glob_escaped, process_numbers, worker_of
from asok_core.backends.redis.reconnecting import ReconnectingConnection, end_listed
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.clock import steady
from asok_core.errors import WorkerCrashed
from asok_core.jobs.envelope import Payload, dead_entry, peek
from asok_core.jobs.job import Job
from asok_core.jobs.numbers import count, score
from asok_core.jobs.states import Status
from asok_core.settings.settings import LARGEST_ENVELOPE

BATCH = 200
BATCH_BYTES = 1024 * 1024
MOST_LISTS = 4096
"""Active lists that a worker's hash is believed to name; beyond that they are looked for."""

IN_DOUBT = 3
"""So many times the crash limit is the limit of a job that ran while hooks were called each time its
process died. It may be innocent, but there must be an end of it."""


def crashed(times: int) -> WorkerCrashed:
    """The error of a job that has reached the crash limit."""
    return WorkerCrashed(f"the process died {times} times while running this job")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery moved. ``refused``: the worker was alive after all, or the other has no lease.

    ``dropped`` of the oldest dead jobs made room for new ones.
    """

    returned: int = 0
    dead: int = 0
    refused: bool = False
    dropped: int = 0
    cancelled: int = 0
    """Jobs that an operator had cancelled while they ran, and that are ended now."""

    dead_jobs: tuple[tuple[Job, int], ...] = ()
    """Those that crashed too often, and how often."""
    aside: tuple[OversizedEntry, ...] = ()
    """What was too large to be an envelope, and was set aside."""

    def __add__(self, other: Recovered) -> Recovered:
        return Recovered(
            self.returned + other.returned,
            self.dead + other.dead,
            self.refused or other.refused,
            self.dropped + other.dropped,
            self.cancelled + other.cancelled,
            self.dead_jobs + other.dead_jobs,
            self.aside + other.aside,
        )


class Registry:
    """Leases and recovery, for one thread of a supervisor.

    ``lease`` is how many seconds of the server's clock a worker keeps what it holds after a heartbeat.
    ``events_max`` and ``events_age`` (seconds) are the bounds of the events.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        crash_limit: int,
        dlq_max: int,
        lease: float = 30.0,
        largest: int = LARGEST_ENVELOPE,
        events_max: int = EVENTS_LENGTH,
        events_age: float = EVENTS_AGE,
        name: str = "asok:supervisor",
    ) -> None:
        self._largest = largest
        self.endpoint = endpoint
        self.keys = keys
        self._limit = crash_limit
        self._dlq_max = dlq_max
        self._lease = lease
        self._events_bounds = events_max, max(1, int(events_age))
        self._answered: set[str] = set()
        self._asked_on: Connection | None = None
        self._server, self._last_seen = "", 0
        self._reconnecting = ReconnectingConnection(endpoint, name)
        self.clock = ServerClock()
        self._cursor: int | bytes = 0
        self.between: Callable[[], object] = lambda: None
        """Called between two batches of a long recovery, for heartbeats."""

    @property
    def connection(self) -> Connection:
        """The connection, opened when first needed. Raises Unreachable."""
        return self._reconnecting.connection

    def now(self) -> float:
        """Epoch seconds by the server's clock. Before the first heartbeat: raises Unreachable, Refused."""
        return self.clock.now() if self.clock.known else self.clock.ask(self.connection)

    def heartbeat(
        self,
        worker: str,
        queues: Sequence[str],
        fields: Mapping[str, Arg],
        *,
        machine: str = "",
        events: Sequence[NewEvent] = (),
    ) -> Heartbeat:
        """Take or renew the lease of ``worker``, publish ``fields`` about it and report ``events``.

        ``machine`` is where others can prove its death, '' where they cannot.
        """
        connection, asked_at = self.connection, steady()
        events_max, events_age = self._events_bounds
        call = SendHeartbeat(
            ns=self.keys.namespace,
            worker=worker,
            lease=int(self._lease * 1000),
            ttl=WORKER_TTL,
            machine=machine,
            first=worker not in self._answered,
            # Neither a restart nor a failover leaves a connection open.
            ask_server=connection is not self._asked_on,
            known_server=self._server,
            last_seen=self._last_seen,
            events_max=events_max,
            events_age=events_age,
            queues=queues,
            fields=[PublishedField(name, value) for name, value in fields.items()],
            events=events,
        )
        reply = connection.run(call)
        self._answered.add(worker)
        self._asked_on = connection
        self._server, self._last_seen = reply.server.decode(), reply.server_time
        now = reply.server_time / 1000
        self.clock.learn(now, asked_at)
        cancelled = [each.decode("utf-8", "replace") for each in reply.cancels]
        requested = reply.requested.decode("utf-8", "replace")
        asked = [each.decode("utf-8", "replace") for each in reply.asked]
        ends = {
            name.decode("utf-8", "replace"): score(until)
            for name, until in zip(reply.ends[::2], reply.ends[1::2], strict=True)
        }
        return Heartbeat(reply.whole == 1, now, requested, cancelled, asked, ends)

    def remove_cancels(self, worker: str, job_ids: Collection[str]) -> None:
        """Remove what ``worker`` was asked to stop and no longer runs."""
        if job_ids:
            self.connection.call("SREM", self.keys.cancels(worker), *job_ids)

    def answer(self, token: str, text: str) -> None:
        """Answer a request for a stack."""
        self.connection.run(AnswerStack(ns=self.keys.namespace, token=token, answer=text))

    def look(self, worker: str, *, machine: str = "") -> Look:
        """Look at the leases of all workers for ``worker``, which is at ``machine``."""
        reply = self.connection.run(
            CheckLeases(
                ns=self.keys.namespace,
                worker=worker,
                lease=int(self._lease * 1000),
                unknown_lease=int(LONGEST_LEASE * 1000),
                machine=machine,
            )
        )
        found = []
        parts: list[Any] = reply.expired
        for name, until, length in zip(*(parts[n::3] for n in range(3)), strict=True):
            try:
                found.append(Expired(name.decode(), score(until) / 1000, length / 1000))
            except UnicodeDecodeError:
                # No worker has such a name, and leases that nobody can end would hide the real ones.
                self.connection.call("ZREM", self.keys.workers, name)
        neighbours = [each.decode() for each in reply.neighbours if each.isascii()]
        return Look(reply.server_time / 1000, reply.leased == 1, found, neighbours)

    def leave(
        self,
        worker: str,
        lists: Sequence[str],
        *,
        only_if_expired: bool = False,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Give up a lease under which nothing is active. False if something still is.

        The worker stops for ``reason``; ``only_if_expired``: worker ``by`` has recovered it.
        """
        call = Deregister(
            ns=self.keys.namespace,
            worker=worker,
            only_if_expired=only_if_expired,
            by=by,
            reason=reason,
            lists=lists,
        )
        return self.connection.run(call) == 1

    def end_lease(self, worker: str) -> bool:
        """End the lease of a worker that is dead: whether this call did it, and not another's."""
        return self.connection.run(EndLease(ns=self.keys.namespace, worker=worker)) == 1

    def active_lists(self, worker: str) -> list[tuple[str, str]]:
        """``(process, queue)`` of every active list a worker may have."""
        key = self.keys.worker(worker)
        (said,) = self.connection.pipeline([("HMGET", key, "queues", "slots", "processes")])
        try:
            slots, processes = (None if each is None else each.decode() for each in said[1:])
            queues, numbers = said[0].decode().split(","), process_numbers(slots, processes)
        except (TypeError, ValueError, AttributeError):
            # There is no hash, or not one that a worker wrote.
            return self._scanned(worker)
        if numbers is None or not 0 < len(queues) * len(numbers) <= MOST_LISTS:
            return self._scanned(worker)
        return [(f"{worker}.{n}", queue) for n in numbers for queue in queues]

    def orphans(self, keys_at_most: int = 1000) -> list[tuple[str, str]]:
        """Active lists that no lease covers, found by one bounded step of a slow SCAN."""
        found = self._scan_step(f"{glob_escaped(self.keys.namespace)}:active:*", keys_at_most)
        owners = {worker_of(process) for process, _ in found}
        scores = self.connection.pipeline([("ZSCORE", self.keys.workers, each) for each in owners])
        leased = {each for each, score in zip(owners, scores, strict=True) if score is not None}
        return [(process, queue) for process, queue in found if worker_of(process) not in leased]

    def recover(
        self,
        process: str,
        queue: str,
        *,
        guard: str = "",
        by: str = "",
        charged: Collection[str] | None = None,
        doubted: Collection[str] = (),
    ) -> Recovered:
        """Return what ``process`` held of ``queue``, each job atomically and in its order.

        ``guard`` names the worker whose lease must have run out, '' when its process is known dead;
        ``by`` is the worker that recovers it, whose own lease must be alive at the same instant.
        ``charged`` are the ids that were running when it died (None: whatever its record says ran).
        ``doubted`` are those that ran while it may have died of something else: see ``IN_DOUBT``.
        """
        key, total = self.keys.active(process, queue), Recovered()
        stuck = 0
        while batch := self._slice(key, stuck):
            if not all(isinstance(each, bytes) for each in batch):
                refused, aside = self._set_aside(process, queue, guard, by)
                total += Recovered(refused=refused, aside=aside)
                if refused:
                    break
                if aside:
                    self.between()
                    continue
            envelopes = [each for each in batch if isinstance(each, bytes)]
            stuck += len(batch) - len(envelopes)
            if not envelopes:
                continue
            payloads = [peek(raw) for raw in envelopes]
            guilty = self._running(payloads, process) if charged is None else charged
            limits = dict.fromkeys(doubted, IN_DOUBT * self._limit)
            limits |= dict.fromkeys(guilty, self._limit)
            times = self._times(each.id for each in payloads if each.id in limits)
            call = Recover(
                ns=self.keys.namespace,
                process=process,
                queue=queue,
                guard=guard,
                by=by,
                dlq_max=self._dlq_max,
                jobs=[
                    self._held_job(each, limits.get(each.id, 0), times.get(each.id, 0))
                    for each in payloads
                ],
            )
            reply = self.connection.run(call)
            dead = [payloads[at - 1] for at in reply.dead_numbers]
            jobs = tuple((each.job, times[each.id]) for each in dead if each.job is not None)
            total += Recovered(
                reply.returned,
                reply.dead,
                reply.refused == 1,
                reply.dropped,
                reply.cancelled,
                jobs,
            )
            if reply.refused:
                break
            # What could not be moved (its queue is not a list) must not hold up the rest.
            stuck += len(envelopes) - reply.returned - reply.dead - reply.cancelled
            self.between()
        return total

    def _slice(self, key: str, passed: int) -> list[bytes | int]:
        return self.connection.run(
            Slice(
                elements=key,
                order="left",
                passed=passed,
                count=BATCH,
                most=BATCH_BYTES,
                largest=self._largest,
            )
        )

    def _set_aside(
        self, process: str, queue: str, guard: str, by: str
    ) -> tuple[bool, tuple[OversizedEntry, ...]]:
        reply = self.connection.run(
            CheckActive(
                ns=self.keys.namespace,
                process=process,
                guard=guard,
                by=by,
                largest=self._largest,
                with_rest=False,
                queues=(queue,),
            )
        )
        return reply.guarded == 1, tuple(set_aside(reply.aside, (queue,)))

    def kill_waiters(self, *processes: str) -> None:
        """Cut the connections of dead processes: a blocked claim of one could still take a job."""
        marks = [f"name=asok:{process}:".encode() for process in processes]
        # Not allowed to list: the slow scan finds what a late claim took.
        lines = [line for line in self._clients() or () if any(mark in line for mark in marks)]
        end_listed(self.connection, lines)

    def connected(self, worker: str) -> bool:
        """Whether Redis has a connection of a worker, or does not show it."""
        marks = [f"name=asok:{worker}{end}".encode() for end in ":."]
        clients = self._clients()
        return clients is None or any(mark in line for mark in marks for line in clients)

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._reconnecting.close()

    def _clients(self) -> list[bytes] | None:
        clients = self.connection.pipeline([("CLIENT", "LIST", "TYPE", "normal")])[0]
        return clients.splitlines() if isinstance(clients, bytes) else None

    def _times(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How many processes died while running each job, with the one that is recovered."""
        ids = tuple(job_ids)
        found = self.connection.call("MGET", *map(self.keys.crashes, ids)) if ids else ()
        return {job_id: count(each) + 1 for job_id, each in zip(ids, found, strict=True)}

    def _held_job(self, payload: Payload, limit: int, times: int) -> RecoveredJob:
        job = payload.job
        dead_job, error = b"", f"{WorkerCrashed.__name__}: {crashed(times)}"
        if limit:
            dead_job = dead_entry(payload.raw, failed_at=self.now(), error=error, traceback=error)
        return RecoveredJob(
            envelope=payload.raw,
            id=payload.id,
            limit=limit,
            dead_job=dead_job,
            task=job.task if job else "",
            unique=(job.unique or "") if job else "",
            error=error,
        )

    def _running(self, payloads: Sequence[Payload], process: str) -> set[str]:
        ids = [each.id for each in payloads if each.id]
        records = read_bounded_records(self.connection, self.keys, ids, ("status", "worker"))
        return {
            job_id
            for job_id, record in records.items()
            if record.status == Status.RUNNING and record.worker in (None, process)
        }

    def _scanned(self, worker: str) -> list[tuple[str, str]]:
        # A worker without a hash: a whole SCAN, but only for a worker that is dead.
        found: list[tuple[str, str]] = []
        self._cursor = 0
        pattern = f"{glob_escaped(self.keys.namespace)}:active:{glob_escaped(worker)}.*"
        while True:
            found += self._scan_step(pattern, 1000)
            if int(self._cursor) == 0:
                return found

    def _scan_step(self, pattern: str, count: int) -> list[tuple[str, str]]:
        self._cursor, names = self.connection.call(
            "SCAN", self._cursor, "MATCH", pattern, "COUNT", count
        )
        parts = (self.keys.active_parts(name.decode("utf-8", "replace")) for name in names)
        return [each for each in parts if each is not None]
