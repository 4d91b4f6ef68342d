"""``asok job cancel``: move waiting jobs to the trash, and request running ones to stop."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk, selection
from asok_console.commands.support.documents import say
from asok_core.errors import UsageError
from asok_core.jobs.states import Location
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.waiting_jobs import CancelDelayed, CancelPending
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.operations.search import PATIENCE
from asok_core.settings.settings import Settings

_WAITING = (CancelPending, CancelDelayed)
OPERATIONS = (*_WAITING, StopRunningJobs)
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


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Cancel the jobs. Programs that wait for a result get JobCancelled.

    Those that run, which are named by their ids, are asked to stop; where they do not, their processes are
    ended.
    """
    operation = BY_STATE[args.state]()
    allowed = {Location.PENDING, Location.DELAYED}
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
    return code


def _running(args: argparse.Namespace, settings: Settings) -> list[str]:
    """Which of the named jobs a worker holds."""
    with closing(open_reader(on_redis(settings, args.url))) as reader:
        found = {each: reader.job(each, patience=PATIENCE) for each in dict.fromkeys(args.id)}
    return [name for name, job in found.items() if job and job.location is Location.ACTIVE]
