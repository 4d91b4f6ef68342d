"""``asok hold release``: ``ReleaseHold`` of the catalogue."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.chosen_holds import (
    add_chosen,
    chosen_holds,
    one_document,
    perform_on_hold,
)
from asok_console.commands.support.documents import say, write_json, write_lines
from asok_console.commands.support.options import positive
from asok_console.presentation.text import safe
from asok_core.backends.roles import OperationResult, Scope
from asok_core.inspection.holds import HoldState
from asok_core.inspection.phrases import counted
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.holds import ReleaseHold
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (ReleaseHold,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_chosen(parser)
    parser.add_argument(
        "--rate", metavar="N", help="return at most N jobs per second, the oldest first"
    )
    parser.add_argument("--dry-run", action="store_true", help="only count the held jobs")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    bulk.add_common(parser)


def _details(held: HoldState) -> tuple[str, ...]:
    if held.hold is None:
        return ()
    made = held.hold.made(held.hold.at)
    return (f"  {'Jobs of':<8}{held.hold.words}", *([f"  {'Made':<8}{made}"] if made else []))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Release the holds one after another."""
    rate = positive("--rate", args.rate)
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    with closing(open_reader(settings)) as reader:
        chosen = chosen_holds(args, reader.snapshot(rates=False, jobs=False))
    if args.dry_run:
        if args.json:
            held = {each.id: each.jobs for each in chosen}
            write_json({"action": "release", "dry_run": True, "held": held})
            return 0
        lines = [
            preview_line(ReleaseHold(each.id), Scope(ReleaseHold.location), each.jobs)
            for each in chosen
        ]
        write_lines([safe(line, bulk.LONGEST_LINE) for line in lines] or ["no holds"])
        return 0
    results = dict[str, OperationResult]()
    with one_document(args, ReleaseHold.audit_name(), results):
        code = _release_each(args, settings, chosen, rate, results)
    if not (args.json or chosen):
        write_lines([f"no holds: {counted(0, 'job')} released"])
    return code


def _release_each(
    args: argparse.Namespace,
    settings: Settings,
    chosen: Sequence[HoldState],
    rate: float | None,
    results: dict[str, OperationResult],
) -> int:
    code = 0
    for each in chosen:
        operation = ReleaseHold(each.id, rate)
        scope = Scope(operation.location)
        asks = not args.yes and each.jobs
        if asks and not bulk.confirmed(settings, operation, scope, each.jobs, _details(each)):
            say(bulk.NOTHING_DONE)
            code = code or 1
            continue
        result = perform_on_hold(args, settings, operation)
        if result is None:
            continue
        results[each.id] = result
        if args.json:
            code = code or bulk.exit_code(result)
        elif each.jobs or result.applied or result.refused:
            code = bulk.report(args, operation, scope, result) or code
        else:
            write_lines([safe(f"Released hold {each.id}, which kept no jobs", bulk.LONGEST_LINE)])
        if result.cancelled:
            break
    return code
