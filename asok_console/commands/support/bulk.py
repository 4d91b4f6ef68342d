"""What every command that acts on many jobs does: resolve the scope, count, ask, perform, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from asok_console.commands.support.documents import (
    call_of,
    error_line,
    reasons,
    result_document,
    row_document,
    say,
    write_json,
    write_lines,
)
from asok_console.commands.support.options import filter_to_act_on
from asok_console.commands.support.progress import ProgressMeter
from asok_console.presentation.tables import ID_LIMIT
from asok_console.presentation.text import safe
from asok_core.backends.roles import OperationResult, Progress, Reader, Scope
from asok_core.errors import UsageError
from asok_core.jobs.states import Location
from asok_core.operations.canary import CanaryResult
from asok_core.operations.catalog.confirmation import (
    confirmation_word_for,
    facts,
    preview_line,
    question,
    warnings,
)
from asok_core.operations.catalog.entry import Access, CatalogOperation
from asok_core.operations.catalog.results import reported, result_line, total_of, undo_line
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.operations.preview import Preview, preview, resolved, with_unmet
from asok_core.settings.settings import Settings

LONGEST_LINE = 1000
"""Characters of a line of a confirmation or a result."""

NOTHING_DONE = "nothing was done"
"""What is reported where a confirmation was declined."""

INTERRUPTED = 130

WHOLE_ID = 36
"""Characters of an id that this package gave a job: what is shorter may be the beginning of one."""


def add_arguments(parser: argparse.ArgumentParser, *, scoped: bool = True) -> None:
    """Declare the scope, the preview and the confirmation."""
    if scoped:
        add_scope(parser)
    parser.add_argument("--dry-run", action="store_true", help="only count, and show a sample")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_common(parser)


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Declare ``--id``, ``--filter`` and ``--all``."""
    parser.add_argument("--id", action="append", metavar="JOB_ID", help="this job; may be repeated")
    parser.add_argument(
        "--filter",
        metavar="FILTER",
        help="jobs that match, as in queue:high error:Timeout age:>1h !x",
    )
    parser.add_argument("--all", action="store_true", help="all jobs")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json`` and ``--url``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--url", help="Redis URL (overrides ASOK_REDIS_URL)")


def scope_of(args: argparse.Namespace, reader: Reader, location: Location) -> Scope:
    """The scope that the options specify, resolved now. Raises UsageError unless exactly one is given."""
    given = [bool(args.id), args.filter is not None, args.all]
    if sum(given) != 1:
        raise UsageError("specify exactly one of --id, --filter, --all")
    if args.id:
        return resolved(reader, location, ids=frozenset(args.id))
    return resolved(reader, location, chosen=filter_to_act_on(args.filter, location))


def act(
    args: argparse.Namespace,
    settings: Settings,
    operation: CatalogOperation,
    scope_from: Callable[[Reader], Scope] | None = None,
    *,
    report_by: Callable[[Scope, OperationResult | CanaryResult, int | None], int] | None = None,
    notice: Callable[[Reader, Progress], None] | None = None,
) -> int:
    """Perform an operation on the scope that the words specify. Returns the exit code.

    It is 1 where something was refused, or a job that is named is not there, also of a preview.
    ``report_by`` reports the result in place of ``report``; ``notice`` gets the progress as well.
    """
    settings = on_redis(settings, args.url)
    refuse_without_yes(args)
    with closing(open_reader(settings)) as reader:
        scope = scope_from(reader) if scope_from else scope_of(args, reader, operation.location)
        # With --yes the count is not shown, and the operation finds by itself which ids are not there.
        counted = None if args.yes and not args.dry_run else _counted(reader, scope)
        if args.dry_run:
            assert counted is not None
            if args.json:
                write_json(preview_document(operation.audit_name(), counted))
            else:
                write_preview(operation, counted)
            return int(bool(counted.missing))
        count = counted.matching if counted is not None else None
        if counted is None and names_queue(operation):
            warn(reader, operation, None, None)
        missing = frozenset[str]()
        if counted is not None and count:
            missing = counted.missing
            say_missing(missing)
            if scope.ids is not None:
                scope = replace(scope, ids=scope.ids - missing)
            warn(reader, operation, count, counted.queues)
            if not confirmed(settings, operation, counted.scope, count):
                say(NOTHING_DONE)
                return 1
    scope = replace(scope, expected=count)
    result = perform(settings, operation, scope, notice)
    if count is not None and isinstance(result, OperationResult):
        result = with_unmet(result, count)
    if report_by is not None:
        code = report_by(scope, result, count)
    else:
        code = report(args, operation, scope, result, count)
    gone = total_of(result).missing
    if not count:
        say_missing(gone)
    # Scripts rely on it that all the named jobs were there.
    return code or int(bool(missing or gone))


def perform(
    settings: Settings,
    operation: CatalogOperation,
    scope: Scope,
    notice: Callable[[Reader, Progress], None] | None = None,
) -> OperationResult | CanaryResult:
    """Perform an operation, with a progress bar. Ctrl+C stops it between two batches."""
    # Connections of its own: those from before the confirmation may have been idle for long.
    with (
        closing(open_reader(settings)) as reader,
        closing(open_operator(settings)) as operator,
        ProgressMeter(operation.done) as meter,
    ):

        def watch(progress: Progress) -> bool:
            if notice is not None:
                notice(reader, progress)
            return meter(progress)

        return operation.perform(Access(reader, operator), scope, watch)


def names_queue(operation: CatalogOperation) -> bool:
    """Whether the command names the queue that the jobs go to: then it is warned of also with --yes."""
    destinations = operation.destinations({"": 1})
    return bool(destinations) and "" not in destinations


def warn(
    reader: Reader,
    operation: CatalogOperation,
    count: int | None,
    queues: Mapping[str, int] | None,
) -> None:
    """Report what makes the operation pointless or harmful now."""
    if not (operation.enqueues or operation.undo.to_trash):
        return
    wrong_key = operation.signs and reader.check_key().wrong
    snapshot = reader.snapshot(jobs=False)
    for line in warnings(operation, snapshot, count, queues, wrong_key=wrong_key):
        say(f"warning: {line}")


def refuse_without_yes(args: argparse.Namespace) -> None:
    """Raise UsageError where no person can be asked."""
    if not args.yes and not args.dry_run and not sys.stdin.isatty():
        raise UsageError("not interactive; pass --yes, or --dry-run for a preview")


def confirmed(
    settings: Settings,
    operation: CatalogOperation,
    scope: Scope,
    count: int | None,
    details: Iterable[str] = (),
) -> bool:
    """Ask on the terminal; True when the word was typed. ``details`` are further lines."""
    word = confirmation_word_for(operation, scope, count) or "yes"
    lines = [
        question(operation, scope, count),
        *details,
        f"  {'Redis':<8}{settings.masked_redis_url}",
        *(f"  {name:<8}{value}" for name, value in facts(operation, scope)),
    ]
    sys.stderr.writelines(f"{safe(line, LONGEST_LINE)}\n" for line in lines)
    sys.stderr.write(f"Type {word} to confirm: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == word


def report(
    args: argparse.Namespace,
    operation: CatalogOperation,
    scope: Scope,
    result: OperationResult | CanaryResult,
    count: int | None = None,
) -> int:
    """Report what was done. Returns the exit code: 1 where something was refused, 130 when stopped."""
    total = reported(result, count)
    if args.json:
        write_json(result_document(total))
    else:
        write_lines([safe(result_line(operation, scope, result, count), LONGEST_LINE)])
        # Before what follows on stderr, also where both go into one file.
        sys.stdout.flush()
        if undo := undo_line(operation, total):
            say(undo)
    return exit_code(total)


def exit_code(result: OperationResult) -> int:
    """1 where something was refused, 130 where the operator stopped it, else 0."""
    if result.cancelled:
        return INTERRUPTED
    return 1 if result.refused else 0


def _counted(reader: Reader, scope: Scope) -> Preview:
    with ProgressMeter("matching") as meter:
        counted = preview(reader, scope, watch=meter)
    if meter.interrupted:
        raise KeyboardInterrupt
    return counted


def preview_document(action: str, counted: Preview) -> dict[str, Any]:
    """The preview of an operation, for programs."""
    return {
        "action": action,
        "dry_run": True,
        "matching": counted.matching,
        "total": counted.total,
        "signatures": _signatures(counted),
        "missing": sorted(counted.missing),
        "sample": [row_document(row) for row in counted.sample],
    }


def write_preview(operation: CatalogOperation, counted: Preview) -> None:
    """Print the preview of an operation: how many jobs, their signatures, and a few of them."""
    lines = [safe(preview_line(operation, counted.scope, counted.matching), LONGEST_LINE)]
    if trusts := _signatures(counted):
        lines.append(f"signatures: {reasons(trusts)}")
    lines += missing_lines(counted.missing)
    for row in counted.sample:
        why = safe(error_line(row), 120)
        lines.append(f"  {safe(row.key, ID_LIMIT)}  {call_of(row, 120)}{'  ' + why if why else ''}")
    if counted.matching > len(counted.sample):
        lines.append(f"  and {counted.matching - len(counted.sample):,} more")
    write_lines(lines)


def missing_lines(missing: Iterable[str], option: str = "--id") -> list[str]:
    """A line for each of the ids that were not found. ``option`` is what they were given by."""
    hint = f"; {option} requires the whole id"
    return [
        f"not found: {safe(each, ID_LIMIT)}{hint if len(each) < WHOLE_ID else ''}"
        for each in sorted(missing)
    ]


def say_missing(missing: Iterable[str], option: str = "--id") -> None:
    """Report the ids that were not found."""
    for line in missing_lines(missing, option):
        say(line)


def _signatures(counted: Preview) -> dict[str, int]:
    return {str(trust): n for trust, n in counted.trusts.items()}
