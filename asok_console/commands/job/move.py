"""``asok job move``: pending jobs to another queue, or to the front of theirs."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, selection
from asok_core.backends.roles import CommandResult, Operator, Scope, Watch
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "pending jobs", queue=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="QUEUE", help="the queue they go to")
    where.add_argument("--front", action="store_true", help="let them be the next to run")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Move the jobs."""

    def perform(operator: Operator, scope: Scope, watch: Watch) -> CommandResult:
        return operator.move(scope, to=args.to, front=args.front, watch=watch)

    command = bulk.BulkCommand(
        "move", "moved", "job", Location.PENDING, perform, returns=bool(args.to), to=args.to or ""
    )
    return selection.act(args, settings, command, {Location.PENDING})
