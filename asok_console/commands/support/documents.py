"""JSON documents and pages of the commands: stable keys, UTC times, nothing raw from Redis."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asok_console.presentation import calls, numbers
from asok_console.presentation.tables import (
    NAME_LIMIT,
    TextColumn,
    TextStyles,
    fit,
    table,
    terminal_width,
)
from asok_console.presentation.text import json_text, safe
from asok_core.backends.roles import OperationResult
from asok_core.clock import iso
from asok_core.inspection.pauses import QueuePause, pause_words
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Location

VERSION = 1
"""Of every document. It changes when a key goes or changes its meaning, not when one is added."""


def write_json(document: dict[str, Any]) -> None:
    """Print one document."""
    sys.stdout.write(json_text({"version": VERSION, **document}, indent=2) + "\n")


def write_lines(lines: Iterable[str]) -> None:
    """Print lines that are safe already."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def write_table(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], none: str = ""
) -> None:
    """Print a table that fits the terminal; its cells are safe already.

    Without rows it has only its titles, and ``none``, such as ``no dead jobs``, goes to stderr.
    """
    titles, *lines = table(columns, rows, terminal_width())
    write_lines([TextStyles().dim(titles), *lines])
    if none and not rows:
        say(none)


def say(text: str) -> None:
    """One line of words to stderr."""
    sys.stderr.write(f"{fit(safe(text), 1000)}\n")


LONGEST_PAUSED = 700
"""Characters of what is known of a pause."""
LONGEST_CALL = 400
"""Characters of a call in a document or a table."""


def call_of(row: Row, limit: int = LONGEST_CALL) -> str:
    """A row's job as a call, or why it cannot be read."""
    return calls.call_of(row.payload, limit)


def error_line(row: Row) -> str:
    """The last line of a row's error, which says what it is about."""
    record = row.record.error if row.record else None
    return last_line(row.payload.error or record or row.payload.problem)


def queue_document(queue: QueueStats) -> dict[str, Any]:
    """What every document says of a queue."""
    return {
        "name": queue.name,
        "pending": queue.pending,
        "running": queue.running,
        "claimed": queue.active - queue.running,
        "paused": queue.paused,
        "pause": pause_document(queue.pause),
        "workers": queue.consumers,
        "oldest_at": iso(queue.oldest_at),
        "problem": queue.problem or None,
    }


def pause_document(pause: QueuePause | None) -> dict[str, Any] | None:
    """A pause for programs: null is what is not known, and the end of one that has none."""
    if pause is None:
        return None
    return {
        "by": pause.by or None,
        "since": iso(pause.since),
        "reason": pause.reason or None,
        "until": iso(pause.until),
        "operation": pause.operation or None,
    }


def queue_lines(
    snapshot: Snapshot, columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int
) -> Iterator[tuple[str, list[str]]]:
    """The lines of a table of the queues: the titles, under the name '', then those of each queue.

    What is known of a pause is below its queue: ``paused until 15:30:00 UTC by ann@web1: bank down``.
    """
    styles = TextStyles()
    titles, *lines = table(columns, rows, width)
    yield "", [styles.dim(titles)]
    for queue, line in zip(snapshot.queues, lines, strict=True):
        current = snapshot.knows_workers
        words = pause_words(queue.pause, snapshot.taken_at, current=current) if queue.paused else ""
        below = (
            [styles.dim(fit(f"    paused{safe(words, LONGEST_PAUSED)}", width))] if words else []
        )
        yield queue.name, [line, *below]


QUEUE_COLUMNS = (
    TextColumn("QUEUE", shrinks=True, names=60),
    TextColumn("PENDING", right=True),
    TextColumn("RUNNING", right=True),
    TextColumn("WORKERS", right=True),
    TextColumn("OLDEST", right=True),
)
"""What every table of queues begins with."""


def queue_cells(queue: QueueStats, now: float) -> tuple[str, ...]:
    """The cells of ``QUEUE_COLUMNS`` at this time (epoch seconds)."""
    return (
        safe(queue.name, NAME_LIMIT),
        numbers.count(queue.pending),
        numbers.count(queue.running),
        str(queue.consumers),
        numbers.age(queue.oldest_at, now) if queue.pending else "",
    )


def row_document(row: Row) -> dict[str, Any]:
    """A row for programs."""
    job = row.payload.job
    record = row.record
    return {
        "id": row.payload.id or (record.id if record else None),
        "key": row.key,
        "task": job.task if job else (record.function if record else None),
        "call": call_of(row) if job else None,
        "queue": row.queue or None,
        "status": _status(row),
        "attempt": job.attempt if job else None,
        "attempts": job.attempts if job else None,
        "enqueued_at": iso(job.enqueued_at if job else (record.enqueued_at if record else None)),
        "at": iso(row.at),
        "no_heartbeat_seconds": row.no_heartbeat_for,
        "progress": progress_document(row.progress),
        "failed_at": iso(row.payload.failed_at),
        "error": error_line(row) or None,
        "trust": str(row.payload.trust),
        "size": row.payload.size,
    }


def progress_document(progress: JobProgress | None) -> dict[str, Any] | None:
    """What a job reported of its progress, for programs."""
    if progress is None:
        return None
    return {
        "done": progress.done,
        "total": progress.total,
        "note": progress.note or None,
        "at": iso(progress.at),
    }


def _status(row: Row) -> str | None:
    if row.location is Location.ACTIVE:
        # A worker may hold a job without a free thread.
        return "running" if row.at is not None else "claimed"
    return str(row.record.status) if row.record else None


def result_document(result: OperationResult) -> dict[str, Any]:
    """What an action did, for programs."""
    return {
        "action": result.action,
        "operation": result.operation,
        "applied": result.applied,
        "skipped": dict(result.skipped),
        "refused": dict(result.refused),
        "missing": sorted(result.missing),
        "cancelled": result.cancelled,
        **({"pause": pause_document(result.pause)} if _is_pause(result) else {}),
        **({"replaced": pause_document(result.replaced)} if result.replaced is not None else {}),
    }


def _is_pause(result: OperationResult) -> bool:
    # Most documents are of no operation.
    from asok_core.operations.catalog.switches import PauseQueue

    return result.action == PauseQueue.audit_name()


def reasons(counts: dict[str, int]) -> str:
    """``3 unsigned, 1 malformed``."""
    return ", ".join(f"{n:,} {safe(reason)}" for reason, n in counts.items())
