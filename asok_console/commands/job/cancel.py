"""``asok job cancel``: the cancellations of the catalogue, of waiting jobs and of running ones."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing

from asok_console.commands.support import bulk, selection
from asok_console.commands.support.documents import say, write_lines
from asok_console.presentation.cancellation import CancelState, cancel_line, cancel_state
from asok_console.presentation.tables import ID_LIMIT
from asok_console.presentation.text import safe
from asok_core.errors import UsageError
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.phrases import counted
from asok_core.jobs.states import Location, Status
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.waiting_jobs import CancelDelayed, CancelHeld, CancelPending
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.operations.search import PATIENCE
from asok_core.settings.durations import parse_duration
from asok_core.settings.settings import Settings

_WAITING = (CancelPending, CancelDelayed)
OPERATIONS = (*_WAITING, CancelHeld, StopRunningJobs)
LOOK = 0.2
"""Seconds between two looks at jobs that are waited for."""
BY_STATE = {str(operation.location): operation for operation in _WAITING}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(
        parser, "pending or delayed jobs", queue=True, named="pending, delayed or running jobs"
    )
    parser.add_argument(
        "--state",
        choices=tuple(BY_STATE),
        default="pending",
        help="with --filter or --all: where to look [pending]",
    )
    parser.add_argument(
        "--wait",
        metavar="DURATION",
        help="of running jobs: show how far each is until it has ended, for at most this long, as in 60s",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Cancel the jobs. Programs that wait for a result get JobCancelled.

    Those that run, which are named by their ids, are asked to stop; where they do not, their processes are
    ended. With ``--wait`` the exit code is 1 unless each of these has ended as cancelled.
    """
    patience = None if args.wait is None else _patience(args.wait)
    if patience is not None and args.json:
        raise UsageError("--wait shows lines for people: leave out --json")
    operation = BY_STATE[args.state]()
    allowed = {Location.PENDING, Location.DELAYED, Location.HELD}
    named = bool(args.id) and args.filter is None and not args.all and not args.dry_run
    if not named:
        return selection.act(args, settings, operation, allowed)
    bulk.refuse_without_yes(args)
    running = _running(args, settings)
    others = [each for each in args.id if each not in running]
    if running and others and args.json:
        raise UsageError("with --json, name running jobs and other jobs in separate commands")
    code = 0
    if running:
        args.id = running
        stop = StopRunningJobs(settings.cancel_wait)
        code = selection.act(args, settings, stop, {Location.ACTIVE})
        if not args.json:
            say(f"asok: {stop.explanation()}")
    if others:
        args.id = others
        code = selection.act(args, settings, operation, allowed) or code
    if running and patience is not None:
        code = _follow(args, settings, running, patience) or code
    return code


def _running(args: argparse.Namespace, settings: Settings) -> list[str]:
    """Which of the named jobs a worker holds."""
    with closing(open_reader(on_redis(settings, args.url))) as reader:
        found = {each: reader.job(each, patience=PATIENCE) for each in dict.fromkeys(args.id)}
    return [name for name, job in found.items() if job and job.location is Location.ACTIVE]


def _patience(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--wait: {error}") from None


def _follow(
    args: argparse.Namespace, settings: Settings, ids: Sequence[str], patience: float
) -> int:
    """Print a line whenever the cancellation of a job has come further. Returns the exit code."""
    until, code = time.monotonic() + patience, 0
    shown: dict[str, CancelState | None] = {}
    with closing(open_reader(on_redis(settings, args.url))) as reader:
        left = list(ids)
        while left:
            for job_id in tuple(left):
                detail = reader.job(job_id, patience=PATIENCE)
                record = detail.record if detail is not None else None
                state = cancel_state(record) if record is not None else None
                if state not in (CancelState.ASKED, CancelState.STOPPING):
                    left.remove(job_id)
                    code = code or int(record is None or record.status != Status.CANCELLED)
                elif shown.get(job_id) is state:
                    continue
                shown[job_id] = state
                write_lines([f"{safe(job_id, ID_LIMIT)}  {how_far(detail)}"])
            if left and time.monotonic() >= until:
                say(f"asok: {counted(len(left), 'job')} had not ended after {patience:g} s")
                return 1
            if left:
                sys.stdout.flush()
                time.sleep(LOOK)
    return code


def how_far(detail: JobDetail | None) -> str:
    """How far the cancellation of a job is, or how the job ended."""
    record = detail.record if detail is not None else None
    if detail is None or record is None:
        return "how it ended is not known: its record is gone"
    line = cancel_line(record, detail.read_at)
    if not record.finished:
        # Also a dead job that was requeued meanwhile.
        return line or f"not cancelled: {record.status}"
    # A job whose last attempt failed at that moment is a dead job, and its record has no request.
    return f"{line or 'ended'}: {record.status}"
