"""``asok job move``: ``MovePending`` and ``MoveToFront`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import selection
from asok_core.operations.catalog.summaries import MOVE_TO_FRONT
from asok_core.operations.catalog.waiting_jobs import MovePending, MoveToFront
from asok_core.settings.declaration import SettingKind, parse_option
from asok_core.settings.kinds import parse_queue_name
from asok_core.settings.settings import Settings

_QUEUE = SettingKind(parse_queue_name, "the name of a queue")
OPERATIONS = (MovePending, MoveToFront)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "pending jobs", queue=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="QUEUE", help="move the jobs to this queue")
    where.add_argument("--front", action="store_true", help=MOVE_TO_FRONT.in_general("the jobs"))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Move the jobs."""
    if args.to is not None:
        parse_option("--to", _QUEUE, args.to)
    operation = MoveToFront() if args.front else MovePending(args.to)
    return selection.act(args, settings, operation, {operation.location})
