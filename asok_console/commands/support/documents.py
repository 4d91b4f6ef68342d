"""JSON documents and pages of the commands: stable keys, UTC times, nothing raw from Redis."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asok_console.presentation import calls
from asok_console.presentation.tables import Ink, TextColumn, fit, table, terminal_width
from asok_console.presentation.text import safe
from asok_core.backends.roles import CommandResult
from asok_core.clock import iso
from asok_core.inspection.snapshot import Row
from asok_core.jobs.nesting import cut
from asok_core.jobs.states import Place

VERSION = 1
"""Of every document. It changes when a key goes or changes its meaning, not when one is added."""

_NOT_ASCII = re.compile(r"[^\n -~]")


def json_text(document: Mapping[str, Any], *, indent: int | None) -> str:
    """A document as JSON; what a foreign program nested too deeply in it is cut."""
    try:
        return json.dumps(document, indent=indent, ensure_ascii=False)
    except RecursionError:
        return json.dumps(cut(document), indent=indent, ensure_ascii=False)


def write_json(document: dict[str, Any]) -> None:
    """Print one document. It may meet a terminal, so that every odd character is escaped."""
    text = json_text({"version": VERSION, **document}, indent=2)
    text = text.encode("utf-8", "replace").decode()
    sys.stdout.write(_NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text) + "\n")


def write_lines(lines: Iterable[str]) -> None:
    """Print lines that are safe already."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def write_table(columns: Sequence[TextColumn], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that fits the terminal; its cells are safe already."""
    titles, *lines = table(columns, rows, terminal_width())
    write_lines([Ink().dim(titles), *lines])


def say(text: str) -> None:
    """One line of words to stderr."""
    sys.stderr.write(f"{fit(safe(text), 1000)}\n")


def call_of(row: Row, limit: int = 400) -> str:
    """A row's job as a call, or why it cannot be read."""
    return calls.call_of(row.payload, limit)


def error_line(row: Row) -> str:
    """The last line of a row's error, which says what it is about."""
    record = row.record.error if row.record else None
    lines = (row.payload.error or record or row.payload.problem or "").strip().splitlines()
    return lines[-1][:2000] if lines else ""


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
        "failed_at": iso(row.payload.failed_at),
        "error": error_line(row) or None,
        "trust": str(row.payload.trust),
        "size": row.payload.size,
    }


def _status(row: Row) -> str | None:
    if row.place is Place.ACTIVE:
        # A worker may hold a job without a free thread.
        return "running" if row.at is not None else "claimed"
    return str(row.record.status) if row.record else None


def result_document(result: CommandResult) -> dict[str, Any]:
    """What an action did, for programs."""
    return {
        "action": result.action,
        "operation": result.operation,
        "applied": result.applied,
        "skipped": dict(result.skipped),
        "refused": dict(result.refused),
        "cancelled": result.cancelled,
    }


def reasons(counts: dict[str, int]) -> str:
    """``3 unsigned, 1 malformed``."""
    return ", ".join(f"{n:,} {safe(reason)}" for reason, n in counts.items())
