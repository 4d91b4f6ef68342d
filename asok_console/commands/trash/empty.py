"""``asok trash empty``: delete for good what actions removed, which frees its memory."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines
from asok_console.commands.support.progress import Meter
from asok_console.presentation.prose import exact
from asok_core.backends.roles import CommandResult, Operator, Scope, Watch
from asok_core.errors import Refused, UsageError
from asok_core.jobs.states import Location
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "operation",
        nargs="*",
        help="the action whose trash is deleted, as asok trash list shows it",
    )
    parser.add_argument("--all", action="store_true", help="delete the whole trash")
    bulk.add_arguments(parser, scoped=False)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Delete the trash of some operations, or all of it."""
    if bool(args.operation) == args.all:
        raise UsageError("specify exactly one of OPERATION... and --all")
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    reader = open_reader(settings)
    try:
        found = reader.trash(None if args.all else args.operation)
    finally:
        reader.close()
    if args.operation and found.problems:
        raise Refused(found.problems[0])
    for problem in found.problems:
        say(problem)
    absent = [each for each in args.operation if each not in found]
    if absent:
        raise UsageError(
            f"nothing of {absent[0]} is in the trash: it was restored or emptied already, or a day "
            "has passed; asok trash list shows what is"
        )

    def perform(operator: Operator, _scope: Scope, watch: Watch) -> CommandResult:
        # What comes to the trash from now on is left there.
        return operator.empty_trash(list(found), watch=watch)

    command = bulk.BulkCommand(
        "permanently delete", "deleted", "trashed job", Location.TRASH, perform, word="empty"
    )
    total = sum(found.values())
    if args.dry_run:
        _write_preview(args, command, found)
        return int(bool(found.problems))
    if (
        total
        and not args.yes
        and not bulk.confirmed(settings, command, total, " ".join(args.operation))
    ):
        say("nothing was done")
        return 1
    operator = open_operator(settings)
    try:
        with Meter(command.done) as meter:
            result = command.perform(operator, Scope(Location.TRASH), meter)
    finally:
        operator.close()
    return bulk.report(args, command, result) or int(bool(found.problems))


def _write_preview(
    args: argparse.Namespace, command: bulk.BulkCommand, found: dict[str, int]
) -> None:
    total = sum(found.values())
    if args.json:
        operations = [{"operation": each, "in_trash": n} for each, n in found.items()]
        write_json(
            {"action": "empty", "dry_run": True, "matching": total, "operations": operations}
        )
        return
    lines = [f"  {each}  {exact(n, 'job')}" for each, n in found.items()]
    write_lines([f"would {command.verb} {exact(total, command.thing)}", *lines])
