"""``asok hold remove``: ``RemoveHold`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.chosen_holds import add_chosen, chosen_holds
from asok_console.commands.support.documents import result_document, write_json, write_lines
from asok_core.backends.roles import OperationResult, Scope
from asok_core.operations.catalog.holds import RemoveHold
from asok_core.operations.catalog.results import total_of
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (RemoveHold,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_chosen(parser, what="that keep no jobs")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Remove the holds. One that keeps jobs is refused: it is to be released."""
    settings = on_redis(settings, args.url)
    with closing(open_reader(settings)) as reader:
        chosen = chosen_holds(args, reader.snapshot(rates=False, jobs=False))
    if args.all:
        chosen = [each for each in chosen if not each.jobs]
    code, removed, refused = 0, 0, dict[str, int]()
    for each in chosen:
        operation = RemoveHold(each.id)
        scope = Scope(operation.location)
        result = total_of(bulk.perform(settings, operation, scope))
        removed += result.applied
        refused |= result.refused
        code = code or bulk.exit_code(result)
        if not args.json:
            bulk.report(args, operation, scope, result)
    if args.json:
        merged = OperationResult("remove hold", removed, refused=refused)
        write_json({**result_document(merged), "holds": [each.id for each in chosen]})
    elif not chosen:
        write_lines(["no holds without jobs"])
    return code
