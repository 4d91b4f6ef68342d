"""``asok job cancel``: jobs that have not started, to the trash."""

from __future__ import annotations

import argparse

from asok_console.commands.support import selection
from asok_core.jobs.states import Location
from asok_core.operations.catalog.waiting_jobs import CancelDelayed, CancelPending
from asok_core.settings.settings import Settings

OPERATIONS = (CancelPending, CancelDelayed)
BY_STATE = {str(operation.location): operation for operation in OPERATIONS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "pending or delayed jobs", queue=True)
    parser.add_argument(
        "--state",
        choices=tuple(BY_STATE),
        default="pending",
        help="with --filter or --all: where to look [pending]",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Cancel the jobs. Programs that wait for a result get JobCancelled."""
    operation = BY_STATE[args.state]()
    return selection.act(args, settings, operation, {Location.PENDING, Location.DELAYED})
