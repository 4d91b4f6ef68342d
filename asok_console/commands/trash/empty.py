"""``asok trash empty``: ``EmptyTrash`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines
from asok_core.backends.roles import Scope
from asok_core.errors import Refused, UsageError
from asok_core.inspection.audit import not_in_trash
from asok_core.inspection.phrases import counted
from asok_core.jobs.states import Location
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.trash import EmptyTrash
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (EmptyTrash,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "operation",
        metavar="OPERATION_ID",
        nargs="*",
        help="the id of an operation whose trash is deleted, as asok trash list shows it",
    )
    parser.add_argument("--all", action="store_true", help="delete the whole trash")
    bulk.add_arguments(parser, scoped=False)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Delete the trash of some operations, or all of it."""
    if bool(args.operation) == args.all:
        raise UsageError("specify exactly one of OPERATION_ID... and --all")
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    with closing(open_reader(settings)) as reader:
        found = reader.trash(None if args.all else args.operation)
    if args.operation and found.problems:
        raise Refused(found.problems[0])
    for problem in found.problems:
        say(problem)
    absent = [each for each in args.operation if each not in found]
    if absent:
        raise UsageError(f"{not_in_trash(absent[0])}; asok trash list shows what is")

    operation, scope = EmptyTrash(), Scope(Location.TRASH, ids=frozenset(found))
    total = sum(found.values())
    if args.dry_run:
        _write_preview(args, operation, scope, found)
        return int(bool(found.problems))
    if total and not args.yes:
        details = [f"  {each}" for each in args.operation]
        if not bulk.confirmed(settings, operation, scope, total, details):
            say(bulk.NOTHING_DONE)
            return 1
    result = bulk.perform(settings, operation, scope)
    return bulk.report(args, operation, scope, result) or int(bool(found.problems))


def _write_preview(
    args: argparse.Namespace, operation: EmptyTrash, scope: Scope, found: dict[str, int]
) -> None:
    total = sum(found.values())
    if args.json:
        operations = [{"operation": each, "in_trash": n} for each, n in found.items()]
        write_json(
            {
                "action": operation.audit_name(),
                "dry_run": True,
                "matching": total,
                "operations": operations,
            }
        )
        return
    lines = [f"  {each}  {counted(n, 'job')}" for each, n in found.items()]
    write_lines([preview_line(operation, scope, total), *lines])
