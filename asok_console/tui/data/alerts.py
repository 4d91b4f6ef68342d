"""Alerts: what is wrong or about to go wrong, ordered by what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from asok_console.presentation.prose import ago, listed, plural, rough, size
from asok_core.inspection.hold_warnings import hold_warnings
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo

NEARLY_FULL = 0.9
"""Part of the limit of dead jobs, or of Redis's memory, from which an alert is raised."""
OVERDUE = 10
"""Due jobs that are not promoted, from which it is reported."""
NAMED = 3
"""Queues or workers of one kind that are named; the others are counted."""


class Severity(IntEnum):
    """What a problem costs, the most first. Up to ``JOBS_WAIT`` it is grave, and always shown."""

    JOBS_LOST = 0
    NO_CHANGES = 1
    """Redis accepts no new jobs, or no change at all."""
    UNREADABLE = 2
    """A key of another type, or signatures that do not verify."""
    WORKERS_FAIL = 3
    JOBS_WAIT = 4
    LOSS_POSSIBLE = 5
    NOTICE = 6


class Alert(NamedTuple):
    """One line about a problem."""

    cost: Severity
    line: str

    @property
    def grave(self) -> bool:
        """Whether no other line may hide it."""
        return self.cost <= Severity.JOBS_WAIT


def stale(worker: WorkerInfo, now: float) -> bool:
    """Whether a worker has sent no heartbeat for too long. ``now`` is the snapshot's time."""
    return worker.no_heartbeat_for(now) is not None


def alerts(snapshot: Snapshot, dead_cap: int, known: Sequence[Alert] = ()) -> list[Alert]:
    """All there are, the most costly first; ``known`` came from elsewhere.

    A queue that was paused by an operator raises none before its pause should have ended.
    """
    found = [*known, *_of_jobs(snapshot, dead_cap), *_of_workers(snapshot)]
    found += _of_server(snapshot.server)
    if (filling := snapshot.filling) is not None:
        found.append(Alert(Severity.LOSS_POSSIBLE, f"Redis {filling}"))
    return sorted(found, key=lambda alert: alert.cost)


def _of_jobs(snapshot: Snapshot, dead_cap: int) -> Iterator[Alert]:
    for problem in snapshot.problems:
        yield Alert(Severity.UNREADABLE, problem)
    for line in snapshot.unread:
        yield Alert(Severity.NOTICE, line)
    unreadable = [f"{q.name} ({q.problem})" for q in snapshot.queues if q.problem]
    if unreadable:
        yield Alert(Severity.UNREADABLE, f"no job can enter or leave {_named(unreadable, 'queue')}")
    alone = [
        f"{q.name} ({q.pending:,})"
        for q in snapshot.queues
        if q.pending and not q.consumers and not q.paused
    ]
    if alone:
        verb = "claims" if snapshot.knows_serving else "is known to claim"
        yield Alert(Severity.JOBS_WAIT, f"no worker {verb} jobs of {_named(alone, 'queue')}")
    # A replica does not always know whether a pause has ended, nor what is due.
    late = [
        q.name
        for q in snapshot.queues
        if q.paused and q.pause and q.pause.overdue(snapshot.taken_at) and snapshot.knows_workers
    ]
    if late:
        line = f"no worker has ended the pause of {_named(late, 'queue')}, whose end has passed"
        yield Alert(Severity.JOBS_WAIT, line)
    for line in hold_warnings(snapshot):
        yield Alert(Severity.JOBS_WAIT, line)
    if snapshot.due > OVERDUE and snapshot.knows_workers:
        line = f"{snapshot.due:,} delayed jobs are due, and no worker promotes them"
        yield Alert(Severity.JOBS_WAIT, line)
    if snapshot.orphaned:
        line = f"{snapshot.orphaned:,} jobs of dead workers wait to be recovered"
        yield Alert(Severity.JOBS_WAIT, line)
    if snapshot.dead >= NEARLY_FULL * dead_cap:
        oldest = snapshot.oldest_dead_at
        lost = f"; the oldest ({ago(oldest, snapshot.taken_at)}) is dropped first" if oldest else ""
        line = f"dead jobs are at {snapshot.dead:,} of {dead_cap:,}{lost}"
        yield Alert(Severity.LOSS_POSSIBLE, line)


def _of_workers(snapshot: Snapshot) -> Iterator[Alert]:
    now = snapshot.taken_at
    # The clock of a replica may be ahead of the one by which they send heartbeats.
    late = [worker for worker in snapshot.workers if stale(worker, now)]
    stalled = late if snapshot.knows_workers else []
    troubled = [each for each in snapshot.workers if each.trouble and not stale(each, now)]
    yield from _worker_alerts(
        Severity.WORKERS_FAIL,
        [f"worker {worker.id} is {worker.trouble}" for worker in troubled],
        troubled,
        "do not run all their jobs",
    )
    yield from _worker_alerts(
        Severity.NOTICE,
        [f"no heartbeat of worker {each.id}{_for_how_long(each.beat_at, now)}" for each in stalled],
        stalled,
        "send no heartbeat",
    )


def _worker_alerts(
    cost: Severity, lines: Sequence[str], workers: Sequence[WorkerInfo], what: str
) -> Iterator[Alert]:
    """A line for each of a few, and one for all others, so that many leave room for the rest."""
    few = len(lines) if len(lines) <= NAMED else NAMED - 1
    yield from (Alert(cost, line) for line in lines[:few])
    if lines[few:]:
        names = [worker.id for worker in workers[few:]]
        yield Alert(cost, f"{len(names):,} more workers {what}: {_named(names)}")


def _named(names: Sequence[str], noun: str = "") -> str:
    return listed(names, NAMED, noun)


def _for_how_long(since: float | None, now: float) -> str:
    return f" for {rough(now - since)}" if since is not None else ""


def _of_server(server: ServerInfo) -> Iterator[Alert]:
    if server.evicted_keys:
        since = f" since it started {rough(server.uptime)} ago" if server.uptime else ""
        line = f"Redis has evicted {plural(server.evicted_keys, 'key')}{since}: jobs may be lost"
        yield Alert(Severity.JOBS_LOST, line)
    if server.role == "slave":
        master = "" if server.master_link == "up" else ", and it is not connected to the master"
        line = f"this Redis is a replica: it refuses every change, and may lag behind{master}"
        yield Alert(Severity.NO_CHANGES, line)
    yield from _of_memory(server)
    if server.last_save_ok is False and server.persistence != "none":
        yield _of_failed_save(server)
    if server.role != "slave" and server.refuses_unreplicated:
        line = (
            f"Redis has {plural(server.good_replicas or 0, 'replica')} that "
            f"{'does' if server.good_replicas == 1 else 'do'} not lag, fewer than min-replicas-to-write: "
            "it refuses changes"
        )
        yield Alert(Severity.NO_CHANGES, line)
    if server.last_append_ok is False:
        line = "Redis cannot write its append-only file: it refuses changes; its log says why"
        yield Alert(Severity.NO_CHANGES, line)
    if server.persistence == "none":
        line = "Redis has no persistence: a restart loses every job"
        yield Alert(Severity.LOSS_POSSIBLE, line)


def _of_failed_save(server: ServerInfo) -> Alert:
    failed = "Redis could not save its data to disk"
    if server.role == "slave" or server.refuses_unsaved is False:
        return Alert(Severity.LOSS_POSSIBLE, f"{failed}: its log says why")
    refuses = "refuses" if server.refuses_unsaved else "may refuse"
    return Alert(Severity.NO_CHANGES, f"{failed}: it {refuses} changes; its log says why")


def _of_memory(server: ServerInfo) -> Iterator[Alert]:
    used, most, policy = server.used_memory or 0, server.max_memory, server.eviction_policy
    if not most:
        return
    if policy and policy != "noeviction":
        line = f"Redis may evict jobs when memory is short (maxmemory-policy {policy})"
        yield Alert(Severity.LOSS_POSSIBLE, line)
    if server.is_full:
        line = f"Redis is out of memory (maxmemory {size(most)}): it accepts no new jobs"
        yield Alert(Severity.NO_CHANGES, line)
    elif used > NEARLY_FULL * most:
        line = f"Redis is nearly out of memory ({size(used)} of {size(most)})"
        yield Alert(Severity.LOSS_POSSIBLE, line)
