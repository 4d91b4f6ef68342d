"""The status as a page for people and as a JSON document for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from asok_console.commands.support.documents import (
    QUEUE_COLUMNS,
    json_text,
    queue_cells,
    queue_document,
)
from asok_console.presentation import numbers, prose
from asok_console.presentation.calls import call_of
from asok_console.presentation.tables import NAME_LIMIT, Ink, TextColumn, fit, table, terminal_width
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Page, Row, running_rows
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.inspection.workers import WorkerInfo

VERSION = 1
"""Of the JSON document. It changes when a key goes or changes its meaning, not when one is added."""

_CALL = 400
_ERROR = 200


class WorkerStatus(NamedTuple):
    """What is reported: a snapshot, next jobs by queue, the newest dead jobs, failed checks."""

    snapshot: Snapshot
    next_jobs: dict[str, Page]
    dead: tuple[Row, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def sample(self) -> tuple[int, int]:
        """How many pending jobs were looked at, and how many of them are signed in version 1."""
        rows = [row for page in self.next_jobs.values() for row in page.rows]
        return len(rows), sum(row.payload.version == 1 for row in rows)


def to_json(status: WorkerStatus, *, indent: int | None = None) -> str:
    """The document: counts are numbers, times ISO 8601 UTC, null is what is not known.

    ``version backend url redis_version memory_full_in memory_rate taken_at pending delayed due running
    claimed orphaned dead queues[] dead_letters[] workers[] envelopes{} checks_failed[]``.
    ``memory_full_in`` is seconds, 0 where it is full already, and ``memory_rate`` bytes per second.
    ``envelopes`` says how many workers accept version 1, and how many of ``sampled`` pending jobs have it.
    """
    snapshot = status.snapshot
    filling, full = snapshot.filling, snapshot.server.is_full
    document = {
        "version": VERSION,
        "backend": "redis",
        "url": snapshot.server.url,
        "redis_version": snapshot.server.version or None,
        "memory_full_in": 0 if full else round(filling.seconds) if filling else None,
        "memory_rate": round(filling.rate) if filling else None,
        "taken_at": iso(snapshot.taken_at),
        "pending": snapshot.pending,
        "delayed": snapshot.delayed,
        "due": snapshot.due,
        "next_due_at": iso(snapshot.next_due_at),
        "running": snapshot.running,
        "claimed": snapshot.claimed,
        "orphaned": snapshot.orphaned,
        "dead": snapshot.dead,
        "queues": [_queue(status, queue) for queue in snapshot.queues],
        "dead_letters": [_dead_job(row) for row in status.dead],
        "workers": [_worker(snapshot, worker) for worker in snapshot.workers],
        "envelopes": _versions(status),
        "problems": [*snapshot.problems, *snapshot.unread],
        "checks_failed": list(status.failures),
    }
    return json_text(document, indent=indent)


def to_lines(status: WorkerStatus, width: int | None = None) -> Iterator[str]:
    """The page, every line safe and none wider than ``width`` (the terminal's)."""
    width = width or terminal_width()
    ink = Ink()
    snapshot = status.snapshot
    yield from _head(snapshot, width, ink)
    for part in (_queues, _running, _dead, _workers):
        lines = list(part(status, width, ink))
        if lines:
            yield ""
            yield from lines


def _head(snapshot: Snapshot, width: int, ink: Ink) -> Iterator[str]:
    version = f" (Redis {safe(snapshot.server.version, 20)})" if snapshot.server.version else ""
    yield fit(f"redis {safe(snapshot.server.url)}{version}", width)
    live = sum(_alive(snapshot, worker) for worker in snapshot.workers)
    due = f" ({numbers.count(snapshot.due)} due)" if snapshot.due else ""
    claimed = f" ({numbers.count(snapshot.claimed)} more claimed)" if snapshot.claimed else ""
    facts = (
        f"{numbers.count(snapshot.pending)} pending",
        f"{numbers.count(snapshot.running)} running{claimed}",
        f"{numbers.count(snapshot.delayed)} delayed{due}",
        prose.plural(snapshot.dead, "dead job"),
        prose.plural(live, "worker"),
    )
    yield ink.bold(fit(", ".join(facts), width))
    for problem in (*snapshot.problems, *snapshot.unread):
        yield ink.bold(fit(safe(f"{problem[0].upper()}{problem[1:]}", 1000), width))
    if snapshot.server.is_full:
        most = prose.size(snapshot.server.max_memory)
        yield fit(f"Redis is out of memory (maxmemory {most}): it accepts no new jobs", width)
    elif snapshot.filling is not None:
        yield fit(f"Redis {snapshot.filling}", width)


def _queues(status: WorkerStatus, width: int, ink: Ink) -> Iterator[str]:
    snapshot = status.snapshot
    columns = (*QUEUE_COLUMNS, TextColumn(""))
    rows = [(*queue_cells(queue, snapshot.taken_at), _note(queue)) for queue in snapshot.queues]
    titles, *lines = table(columns, rows, width)
    yield ink.dim(titles)
    for queue, line in zip(snapshot.queues, lines, strict=True):
        yield line
        page = status.next_jobs.get(queue.name)
        for row in page.rows if page else ():
            yield ink.dim(fit(f"    {_call(row)}", width))
        if page and page.total > len(page.rows):
            yield ink.dim(fit(f"    and {numbers.count(page.total - len(page.rows))} more", width))


def _note(queue: QueueStats) -> str:
    if queue.problem:
        return queue.problem
    if queue.paused:
        return "paused"
    return "no worker" if queue.pending and not queue.consumers else ""


def _running(status: WorkerStatus, width: int, ink: Ink) -> Iterator[str]:
    snapshot = status.snapshot
    jobs = running_rows(snapshot)
    if not jobs:
        return
    columns = (
        TextColumn("RUNNING", shrinks=True),
        TextColumn("FOR", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("WORKER", shrinks=True, names=60),
    )
    rows = [
        (
            _payload(job.payload),
            "claimed" if job.at is None else numbers.age(job.at, snapshot.taken_at),
            safe(job.queue, NAME_LIMIT),
            safe(f"{job.worker}{_no_heartbeat(job)}", NAME_LIMIT),
        )
        for job in jobs[:20]
    ]
    yield from _titled(columns, rows, width, ink)
    if len(jobs) > len(rows):
        yield ink.dim(f"and {numbers.count(len(jobs) - len(rows))} more")


def _dead(status: WorkerStatus, width: int, ink: Ink) -> Iterator[str]:
    if not status.dead:
        return
    taken_at = status.snapshot.taken_at
    columns = (
        TextColumn("DEAD JOB", shrinks=True),
        TextColumn("FAILED", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("ERROR", shrinks=True),
    )
    rows = [
        (
            _payload(row.payload),
            numbers.age(row.payload.failed_at, taken_at),
            safe(row.queue, NAME_LIMIT),
            safe(last_line(row.payload.error or row.payload.problem), _ERROR),
        )
        for row in status.dead
    ]
    yield from _titled(columns, rows, width, ink)
    if status.snapshot.dead > len(rows):
        yield ink.dim(f"and {numbers.count(status.snapshot.dead - len(rows))} more")


def _workers(status: WorkerStatus, width: int, ink: Ink) -> Iterator[str]:
    snapshot = status.snapshot
    if not snapshot.workers:
        return
    columns = (
        TextColumn("WORKER", shrinks=True, names=60),
        TextColumn("BUSY", right=True),
        TextColumn("HEARTBEAT", right=True),
        TextColumn("MEMORY", right=True),
        TextColumn("STATE"),
        TextColumn("QUEUES", shrinks=True),
    )
    rows = [
        (
            safe(worker.id, NAME_LIMIT),
            f"{worker.running}/{worker.concurrency}",
            numbers.age(worker.beat_at, snapshot.taken_at),
            numbers.size(worker.rss),
            _state(snapshot, worker),
            safe(",".join(worker.queues), 200),
        )
        for worker in snapshot.workers
    ]
    titles, *lines = table(columns, rows, width)
    yield ink.dim(titles)
    for worker, line in zip(snapshot.workers, lines, strict=True):
        yield line
        if worker.trouble:
            yield fit(f"    {safe(worker.trouble, 1000)}", width)
        if worker.outcomes_dropped:
            count = prose.plural(worker.outcomes_dropped, "outcome")
            text = f"    {count} dropped: other workers took its jobs over when its lease ran out"
            yield fit(text, width)
    yield from _envelopes(status, width, ink)


def _versions(status: WorkerStatus) -> dict[str, int]:
    snapshot = status.snapshot
    sampled, v1 = status.sample
    live = [worker for worker in snapshot.workers if _alive(snapshot, worker)]
    return {
        "workers_accepting_v1": sum(worker.accepts_v1 is not False for worker in live),
        "sampled": sampled,
        "sampled_v1": v1,
    }


def _envelopes(status: WorkerStatus, width: int, ink: Ink) -> Iterator[str]:
    """Which workers run jobs of version 1, how many wait, and which workers cannot run version 2."""
    snapshot = status.snapshot
    found = _versions(status)
    if accepting := found["workers_accepting_v1"]:
        live = sum(_alive(snapshot, worker) for worker in snapshot.workers)
        line = f"signatures: version 1 accepted by {accepting} of {prose.plural(live, 'worker')}"
        if sampled := found["sampled"]:
            v1 = numbers.count(found["sampled_v1"])
            line += f", used by {v1} of {prose.plural(sampled, 'pending job')} looked at"
        # With the default settings it is so forever: a fact to look up, and no warning.
        yield ink.dim(fit(line, width))
    for worker in filter(partial(_alive, snapshot), snapshot.workers):
        if worker.version and worker.accepts_v1 is None:
            text = f"{worker.id} ({worker.version}) cannot run jobs signed in version 2"
            yield fit(f"{safe(text, 200)}; keep ASOK_ENVELOPE=v1 until it is replaced", width)


def _no_heartbeat(job: Row) -> str:
    if job.no_heartbeat_for is None:
        return ""
    return f" (no heartbeat for {prose.rough(job.no_heartbeat_for)})"


def _titled(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int, ink: Ink
) -> Iterator[str]:
    titles, *lines = table(columns, rows, width)
    yield ink.dim(titles)
    yield from lines


def _alive(snapshot: Snapshot, worker: WorkerInfo) -> bool:
    return (worker.lease_until or 0) > snapshot.taken_at


def _state(snapshot: Snapshot, worker: WorkerInfo) -> str:
    if not _alive(snapshot, worker):
        return "lost"
    if worker.stopping:
        return "stopping"
    return worker.condition or ("quiet" if worker.quiet else "ok")


def _call(row: Row) -> str:
    return _payload(row.payload)


def _payload(payload: Any) -> str:
    return call_of(payload, _CALL)


def _queue(status: WorkerStatus, queue: QueueStats) -> dict[str, Any]:
    page = status.next_jobs.get(queue.name)
    return {
        **queue_document(queue),
        "next_jobs": [_job(row) for row in page.rows] if page else [],
    }


def _job(row: Row) -> dict[str, Any]:
    job = row.payload.job
    return {
        "id": row.payload.id or None,
        "call": _payload(row.payload),
        "enqueued_at": iso(job.enqueued_at) if job else None,
        "attempt": job.attempt if job else None,
        "attempts": job.attempts if job else None,
        "trust": str(row.payload.trust),
        "envelope": row.payload.version,
        "problem": row.payload.problem,
    }


def _dead_job(row: Row) -> dict[str, Any]:
    return {
        **_job(row),
        "queue": row.queue or None,
        "failed_at": iso(row.payload.failed_at),
        "error": last_line(row.payload.error or row.payload.problem) or None,
    }


def _worker(snapshot: Snapshot, worker: WorkerInfo) -> dict[str, Any]:
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "state": _state(snapshot, worker),
        "queues": list(worker.queues),
        "concurrency": worker.concurrency,
        "processes": worker.processes,
        "started_at": iso(worker.started_at),
        "beat_at": iso(worker.beat_at),
        "lease_until": iso(worker.lease_until),
        "rss": worker.rss,
        "able": worker.able,
        "deaths": worker.deaths,
        "deaths_seconds": worker.deaths_seconds,
        "death": worker.death or None,
        "refusal": worker.refusal or None,
        "hanging": worker.hanging,
        "hang_seconds": worker.hang_seconds,
        "hang": worker.hang or None,
        "outcomes_dropped": worker.outcomes_dropped,
        "accepts_v1": worker.accepts_v1,
        "running": [
            {
                "id": job.payload.id or None,
                "call": _payload(job.payload),
                "queue": job.queue,
                "status": "claimed" if job.started_at is None else "running",
                "started_at": iso(job.started_at),
            }
            for job in worker.jobs
        ],
    }
