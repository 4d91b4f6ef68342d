"""``asok hold remove``: ``RemoveHold`` of the catalogue."""

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
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.presentation.text import safe
from asok_core.backends.roles import OperationResult, Scope
from asok_core.inspection.holds import HAS_JOBS, HoldState
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.holds import RemoveHold
from asok_core.operations.catalog.results import result_line
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (RemoveHold,)
NONE = "no holds without jobs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_chosen(parser, what="that keep no jobs")
    parser.add_argument(
        "--dry-run", action="store_true", help="only show which holds would be removed"
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Remove the holds. One that keeps jobs is refused: it is to be released."""
    settings = on_redis(settings, args.url)
    with closing(open_reader(settings)) as reader:
        chosen = chosen_holds(args, reader.snapshot(rates=False, jobs=False))
    if args.all:
        chosen = [each for each in chosen if not each.jobs]
    if args.dry_run:
        return _preview(args, chosen)
    code, results = 0, dict[str, OperationResult]()
    with one_document(args, RemoveHold.audit_name(), results):
        for each in chosen:
            operation = RemoveHold(each.id)
            scope = Scope(operation.location)
            result = perform_on_hold(args, settings, operation)
            if result is None:
                continue
            results[each.id] = result
            code = code or bulk.exit_code(result)
            if not args.json:
                bulk.report(args, operation, scope, result)
    if not (args.json or chosen):
        write_lines([NONE])
    return code


def _preview(args: argparse.Namespace, chosen: Sequence[HoldState]) -> int:
    """Print which holds keep no jobs now, and so would be removed."""
    kept = [each.id for each in chosen if each.jobs]
    if args.json:
        removed = [each.id for each in chosen if not each.jobs]
        refused = {HAS_JOBS: len(kept)} if kept else {}
        write_json({"action": "remove hold", "dry_run": True, "holds": removed, "refused": refused})
        return 0
    lines = list[str]()
    for each in chosen:
        operation = RemoveHold(each.id)
        scope = Scope(operation.location)
        refusal = OperationResult(operation.audit_name(), refused={HAS_JOBS: 1})
        line = preview_line(operation, scope, None)
        lines.append(result_line(operation, scope, refusal) if each.jobs else line)
    write_lines([safe(line, bulk.LONGEST_LINE) for line in lines] or [NONE])
    return 0
