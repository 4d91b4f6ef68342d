"""The status as a JSON document for programs."""

from __future__ import annotations

from typing import Any

from asok_console.commands.support.documents import LONGEST_CALL, call_of, queue_document
from asok_console.commands.support.status_report import WorkerStatus
from asok_console.presentation import calls
from asok_console.presentation.holds import held_document
from asok_console.presentation.text import json_text
from asok_core.clock import iso
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.inspection.worker_shape import WorkerShape
from asok_core.inspection.workers import WorkerInfo

VERSION = 1
"""Of the JSON document. It changes when a key goes or changes its meaning, not when one is added."""


def to_json(status: WorkerStatus, *, indent: int | None = None) -> str:
    """The document: counts are numbers, times ISO 8601 UTC, null is what is not known.

    ``version backend url redis_version memory_full_in memory_rate taken_at pending delayed due held
    running claimed orphaned dead queues[] dead_letters[] workers[] envelopes{} holds[] checks_failed[]``.
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
        "held": snapshot.held,
        "limited": snapshot.limited,
        "running": snapshot.running,
        "claimed": snapshot.claimed,
        "orphaned": snapshot.orphaned,
        "dead": snapshot.dead,
        "queues": [_queue(status, queue) for queue in snapshot.queues],
        "dead_letters": [_dead_job(row) for row in status.dead],
        "workers": [_worker(snapshot, worker) for worker in snapshot.workers],
        "envelopes": status.versions,
        "holds": [held_document(each, snapshot) for each in snapshot.holds],
        "problems": [*snapshot.problems, *snapshot.unread],
        "checks_failed": list(status.failures),
    }
    return json_text(document, indent=indent)


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
        "call": call_of(row),
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
        "release": worker.release or None,
        "release_source": worker.release_source or None,
        "state": _state(snapshot, worker),
        "queues": list(worker.queues),
        "concurrency": worker.concurrency,
        "shape": _shape(worker),
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
                "call": calls.call_of(job.payload, LONGEST_CALL),
                "queue": job.queue,
                "status": "claimed" if job.started_at is None else "running",
                "started_at": iso(job.started_at),
            }
            for job in worker.jobs
        ],
    }


def _shape(worker: WorkerInfo) -> dict[str, Any] | None:
    """Threads a process and queues: in force, configured, and ordered. None of an earlier release."""
    if worker.configured is None or worker.ordered is None:
        return None

    def document(shape: WorkerShape) -> dict[str, Any]:
        return {"concurrency": shape.concurrency, "queues": list(shape.queues)}

    return {
        "in_force": document(worker.in_force),
        "configured": document(worker.configured),
        "ordered": document(worker.ordered),
        "confirmed": not worker.is_reshaping,
        "ordered_by": worker.ordered_by or None,
        "ordered_at": iso(worker.ordered_at),
    }


def _state(snapshot: Snapshot, worker: WorkerInfo) -> str:
    # Documented values: those that people read became others, these did not.
    if not snapshot.knows_workers:
        return "unknown"
    if not worker.is_alive(snapshot.taken_at):
        return "lost"
    if worker.is_stopping:
        return "stopping"
    return worker.condition or ("quiet" if worker.quiet else "ok")
