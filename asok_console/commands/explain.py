"""``asok explain``: why a job, a queue or a worker is as it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.commands.support.queue_names import known
from asok_console.presentation.explanation import lines_of, title_of
from asok_console.presentation.notes import note_document
from asok_core.clock import iso
from asok_core.errors import AsokError, UsageError
from asok_core.inspection.estimates import Estimate
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.notes import OperatorNote
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.operations import explain
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.operations.stacks import explains, stacks_beside
from asok_core.settings.settings import Settings

FOUND, NOT_FOUND = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("job", nargs="?", metavar="JOB_ID", help="a job id, or how one begins")
    parser.add_argument("--queue", metavar="QUEUE", help="explain why jobs of a queue do not start")
    parser.add_argument("--worker", metavar="WORKER_ID", help="explain why a worker takes no jobs")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the reasons, the most important first; of all queues where nothing is named.

    Returns 1 where nothing is known of the job.
    """
    named = [each for each in (args.job, args.queue, args.worker) if each is not None]
    if len(named) > 1:
        raise UsageError("specify at most one of JOB_ID, --queue QUEUE and --worker WORKER_ID")
    if "" in named:
        raise UsageError("JOB_ID, --queue and --worker must not be empty")
    settings = on_redis(settings, args.url)
    reader = open_reader(settings)
    try:
        if not named:
            found = explain.queues(reader)
        elif args.queue is not None:
            found = explain.queue(reader, known(reader, args.queue))
        elif args.worker is not None:
            found = explain.worker(reader, args.worker)
        else:
            where = settings.masked_redis_url
            found = explain.job(
                reader,
                args.job,
                namespace=settings.namespace,
                redis=where,
                stacks=lambda detail, snapshot: _stacks(settings, detail, snapshot),
            )
    finally:
        reader.close()
    if args.json:
        write_json(_document(found))
    else:
        write_lines(list(_lines(found)))
    return NOT_FOUND if found.kind == "job" and found.detail is None else FOUND


def _stacks(settings: Settings, detail: JobDetail, snapshot: Snapshot) -> tuple[JobStack, ...]:
    if not explains(detail, snapshot.taken_at):
        return ()
    try:
        operator = open_operator(settings)
    except AsokError as error:
        # Who may only read gets the other reasons.
        return (JobStack(detail.id, problem=f"not read: {error}"),)
    try:
        return stacks_beside(operator, detail, snapshot)
    finally:
        operator.close()


def _lines(found: explain.DatedExplanation) -> Iterator[str]:
    yield title_of(found)
    yield from (f"{' ' * line.indent}{line.text}" for line in lines_of(found))


def _document(found: explain.DatedExplanation) -> dict[str, Any]:
    estimate = found.explanation.estimate
    return {
        found.kind: found.name,
        "state": found.explanation.state,
        "read_at": iso(found.at),
        "notes": None if found.notes_problem else [_note(each) for each in found.notes],
        "reasons": [_reason(each) for each in found.explanation.reasons],
        "estimate": None if estimate is None else _estimate(estimate),
    }


def _note(note: OperatorNote) -> dict[str, Any]:
    subject = note.subject
    return {"kind": str(subject.kind), "name": subject.name, **(note_document(note) or {})}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "low_s": estimate.low,
        "high_s": estimate.high,
        "basis": estimate.basis,
        "confidence": estimate.confidence,
        "jobs_ahead": estimate.ahead,
        "jobs_per_s": estimate.per_second,
        "over_s": estimate.seconds,
        "attempts": estimate.attempts,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "text": reason.text,
        "since": iso(reason.since),
        "evidence": {
            name: iso(value) if name.endswith("_at") and isinstance(value, float) else value
            for name, value in reason.evidence.items()
        },
        "remedy": reason.remedy,
        "blocking": reason.blocking,
    }
