"""``asok trash restore``: what an action removed, back to where it was."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.progress import Meter
from asok_core.jobs.states import Location
from asok_core.operations.inspector import on_redis, open_operator
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("operation", help="as asok trash list shows it")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Restore one operation's trash."""
    command = bulk.BulkCommand(
        "restore",
        "restored",
        "job",
        Location.TRASH,
        lambda operator, _scope, watch: operator.restore(args.operation, watch=watch),
    )
    operator = open_operator(on_redis(settings, args.url))
    try:
        with Meter(command.done) as meter:
            result = operator.restore(args.operation, watch=meter)
    finally:
        operator.close()
    return bulk.report(args, command, result)
