"""``asok job cancel``: jobs that have not started, to the trash."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, selection
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "pending or delayed jobs", queue=True)
    parser.add_argument(
        "--state",
        choices=("pending", "delayed"),
        default="pending",
        help="with --filter or --all: where to look [pending]",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Cancel the jobs. Whoever waits for one is told."""
    command = bulk.BulkCommand(
        "cancel",
        "cancelled",
        "job",
        Location(args.state),
        lambda operator, scope, watch: operator.cancel(scope, watch=watch),
        aftermath=bulk.AFTERMATH,
        trash=True,
        lost=lambda operator, job_id: operator.cancel_lost(job_id),
    )
    return selection.act(args, settings, command, {Location.PENDING, Location.DELAYED})
