"""``asok job show``: all there is of one job."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import progress_document, write_json, write_lines
from asok_console.commands.support.named_job import named_job
from asok_console.presentation.cancellation import cancel_line, cancel_state
from asok_console.presentation.checkpoints import (
    checkpoint_line,
    cursor_value,
    interruptions_line,
)
from asok_console.presentation.history import HistoryLine, history_lines
from asok_console.presentation.notes import note_document, note_line
from asok_console.presentation.progress import progress_line
from asok_console.presentation.stack import frames_document, kept_heading, stack_lines
from asok_console.presentation.text import call_text, plain_json, safe, safe_block
from asok_core.clock import iso
from asok_core.inspection.history import history_of
from asok_core.inspection.job_detail import MISSING, JobDetail
from asok_core.inspection.stacks import decode_kept
from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.job import JobRecord
from asok_core.settings.settings import Settings

LONGEST = 20_000
"""Characters of a result, an argument or a traceback that are shown to a person."""
_LABELS = {"place": "location"}
"""Labels of keys whose documented names in JSON are older than the words of today."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", metavar="JOB_ID", help="the id of a job, or a unique beginning of it")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the job. Raises JobNotFound."""
    detail = named_job(settings, args.url, args.id)
    if args.json:
        write_json({**_document(detail), "history": _history(detail)})
    else:
        write_lines(_lines(detail))
    return 0


def _document(detail: JobDetail) -> dict[str, Any]:
    record, job = detail.record, detail.payload.job if detail.payload else None
    return {
        "id": detail.id,
        "place": str(detail.location) if detail.location else None,
        "status": str(record.status) if record else None,
        "task": job.task if job else (record.function if record else None),
        "queue": job.queue if job else (record.queue if record else None),
        "args": list(job.args) if job else None,
        "kwargs": dict(job.kwargs) if job else None,
        "retry_count": job.retry_count if job else (record.retry_count if record else None),
        "retries": job.retries if job else (record.retries if record else None),
        "enqueued_at": iso(record.enqueued_at if record else None),
        "due_at": iso(detail.due_at),
        "started_at": iso(record.started_at if record else None),
        "finished_at": iso(record.finished_at if record else None),
        "failed_at": iso(detail.payload.failed_at if detail.payload else None),
        "worker": detail.worker or (record.worker if record else None),
        "release": record.release if record else None,
        "crashes": detail.crashes,
        "interruptions": record.interruptions if record else 0,
        "progress": progress_document(record.progress if record else None),
        "checkpoint": _checkpoint(record.checkpoint if record else None),
        "redacted": bool(detail.payload and detail.payload.redacted),
        "trust": str(detail.payload.trust) if detail.payload else None,
        "result": _result(record.result if record else None),
        "result_type": record.result_type if record else None,
        "result_error": record.result_error if record else None,
        "error": (detail.payload.traceback or detail.payload.error if detail.payload else None)
        or (record.error if record else None),
        "cancellation": _cancellation(record),
        "stack": _stack(record),
        "note": note_document(detail.note),
    }


def _checkpoint(checkpoint: JobCheckpoint | None) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    return {"cursor": cursor_value(checkpoint), "at": iso(checkpoint.at)}


def _cancellation(record: JobRecord | None) -> dict[str, Any] | None:
    if record is None or record.cancel is None:
        return None
    return {
        "state": str(cancel_state(record)),
        "asked_at": iso(record.cancel.asked_at),
        "by": record.cancel.by,
        "received_at": iso(record.cancel.taken_at),
        "process_ends_at": iso(record.cancel.ends_at),
    }


def _stack(record: JobRecord | None) -> dict[str, Any] | None:
    kept = decode_kept(record.stack if record else None)
    if kept is None:
        return None
    return {
        "why": kept.why,
        "attempt": kept.attempt,
        "at": iso(kept.at),
        "process": kept.process or None,
        "frames": frames_document(kept.stack),
    }


def _history(detail: JobDetail) -> list[dict[str, Any]]:
    return [
        {
            "event": each.what,
            "at": iso(each.at),
            "by": each.by or None,
            "detail": each.detail or None,
            "waited_seconds": each.waited,
            "ran_seconds": each.ran,
            "progress": progress_document(each.progress),
            "error": each.error or None,
        }
        for each in history_of(detail, detail.read_at)
    ]


def _result(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _lines(detail: JobDetail) -> list[str]:
    document = _document(detail)
    job = detail.payload.job if detail.payload else None
    task = call_text(job.task, job.args, job.kwargs, 2000) if job else safe(document["task"] or "")
    lines = [f"{'id':<12}{safe(detail.id)}", f"{'task':<12}{task}"]
    for name in (
        *("status", "place", "queue", "retries", "enqueued_at", "due_at"),
        *("started_at", "finished_at", "failed_at", "worker", "release", "trust"),
    ):
        value = MISSING if name == "place" and detail.missing else document[name]
        if value is not None:
            value = f"{document['retry_count'] or 0} of {value}" if name == "retries" else value
            label = _LABELS.get(name, name.replace("_", " "))
            lines.append(f"{label:<12}{safe(str(value), 500)}")
    if detail.note is not None:
        lines.append(f"{'note':<12}{note_line(detail.note, detail.read_at)}")
    lines += _run_lines(detail)
    if document["result"] is not None:
        lines.append(f"{'result':<12}{plain_json(document['result'], limit=LONGEST)}")
    if document["result_error"]:
        lines.append(f"{'result':<12}{safe(document['result_error'], LONGEST)}")
    record = detail.record
    if record is not None and record.cancel is not None:
        lines.append(f"{'cancelled':<12}{cancel_line(record, detail.read_at)}")
    if document["error"]:
        error = safe_block(document["error"], LONGEST)
        lines += ["error", *(f"  {each}" for each in error.splitlines())]
    kept = decode_kept(record.stack if record else None)
    if kept is not None:
        lines += [kept_heading(kept), *(f"  {each}" for each in stack_lines(kept.stack))]
    events = history_lines(history_of(detail, detail.read_at), detail.read_at)
    clock = max((len(each.time) for each in events), default=0)
    lines += ["history (UTC)", *(_event(each, clock) for each in events)] if events else []
    return lines


def _run_lines(detail: JobDetail) -> Iterator[str]:
    if detail.crashes:
        yield f"{'crashes':<12}{detail.crashes}"
    if detail.record is not None and detail.record.progress is not None:
        yield f"{'progress':<12}{progress_line(detail.record, detail.read_at)}"
    if detail.record is not None and detail.record.checkpoint is not None:
        yield f"{'checkpoint':<12}{checkpoint_line(detail.record, detail.read_at)}"
    if detail.record is not None and detail.record.interruptions:
        yield f"{'interrupted':<12}{interruptions_line(detail.record)}"


def _event(line: HistoryLine, clock: int) -> str:
    words = f"{line.words:<22} " if line.words else ""
    return f"  {line.time:<{clock}}  {words}{line.beside}".rstrip()
