"""What every command that acts on many jobs does: freeze, count, ask, act, tell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from asok_console.commands.support.progress import Meter
from asok_console.presentation.prose import exact
from asok_console.presentation.text import safe
from asok_core.backends.roles import CommandResult, Operator, Reader, Scope, Watch
from asok_core.errors import UsageError
from asok_core.inspection import filters
from asok_core.inspection.audit import TRASH_KEPT
from asok_core.jobs.states import Location
from asok_core.operations.hazards import hazards
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.operations.preview import Preview, frozen, preview, with_unmet
from asok_core.settings.settings import Settings

AFTERMATH = f"asok trash restore {{operation}} puts them back, for {TRASH_KEPT}"
"""What a command says of jobs that it moved to the trash."""

INTERRUPTED = 130

Perform = Callable[[Operator, Scope, Watch], CommandResult]


@dataclass(frozen=True, slots=True)
class BulkCommand:
    """An action as a command: ``done`` is its past participle, ``thing`` what it is done to."""

    verb: str
    done: str
    thing: str
    location: Location
    perform: Perform
    word: str = "yes"
    """What must be typed to confirm."""
    aftermath: str = ""
    """A line for afterwards; ``{operation}`` stands for the operation's id."""
    returns: bool = False
    """Whether it puts jobs into queues."""
    trash: bool = False
    """Whether it moves jobs to the trash."""
    to: str = ""
    """The queue that they go to, where that is not their own."""
    preview: tuple[str, ...] = ()
    """Lines, safe to print, that are shown before it is confirmed."""
    lost: Callable[[Operator, str], CommandResult] | None = None
    """What it does to a job that has a record and is in no place."""


def add_arguments(parser: argparse.ArgumentParser, *, scoped: bool = True) -> None:
    """Declare the scope and how to go about it."""
    if scoped:
        add_scope(parser)
    parser.add_argument("--dry-run", action="store_true", help="only count, and show a sample")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_common(parser)


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Declare ``--id``, ``--filter`` and ``--all``."""
    parser.add_argument("--id", action="append", metavar="ID", help="this job; may be repeated")
    parser.add_argument(
        "--filter",
        metavar="WORDS",
        help="those that match, as in queue:high error:Timeout age:>1h !x",
    )
    parser.add_argument("--all", action="store_true", help="all of them")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json`` and ``--url``."""
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--url", help="the Redis to act on, over ASOK_REDIS_URL")


def scope_of(args: argparse.Namespace, reader: Reader, location: Location) -> Scope:
    """The scope that the words say, frozen now. Raises UsageError unless exactly one is given."""
    given = [bool(args.id), args.filter is not None, args.all]
    if sum(given) != 1:
        raise UsageError("say which: --id ID, --filter WORDS or --all, and only one of them")
    if args.id:
        return frozen(reader, location, ids=frozenset(args.id))
    chosen = filters.parse(args.filter) if args.filter is not None else None
    if chosen is not None and not chosen:
        raise UsageError("--filter is empty; --all means all of them")
    return frozen(reader, location, chosen=chosen)


def act(
    args: argparse.Namespace,
    settings: Settings,
    command: BulkCommand,
    scope_from: Callable[[Reader], Scope] | None = None,
    *,
    tell: Callable[[CommandResult], int] | None = None,
) -> int:
    """Carry out a deed on what the words say. Returns the exit code.

    ``tell`` says what was done in place of the usual summary.
    """
    settings = on_redis(settings, args.url)
    refuse_without_yes(args)
    reader = open_reader(settings)
    try:
        scope = scope_from(reader) if scope_from else scope_of(args, reader, command.location)
        counted = _counted(args, reader, scope)
        if counted is not None and counted.matching and not args.dry_run:
            warn(reader, command, counted.queues)
    finally:
        reader.close()
    if args.dry_run:
        assert counted is not None
        if args.json:
            write_json(preview_document(command, counted))
        else:
            write_preview(command, counted)
        return 0
    if counted is None or not counted.matching:
        pass
    elif not confirmed(settings, command, counted.matching, counted.scope.words):
        say("nothing was done")
        return 1
    if counted is not None:
        scope = replace(scope, expected=counted.matching)
    operator = open_operator(settings)
    try:
        with Meter(command.done) as meter:
            result = command.perform(operator, scope, meter)
    finally:
        operator.close()
    if counted is not None:
        result = with_unmet(result, counted.matching)
    return tell(result) if tell else report(args, command, result)


def warn(reader: Reader, command: BulkCommand, queues: Mapping[str, int]) -> None:
    """Say what makes the deed pointless or harmful now, in the words of the console."""
    if not (command.returns or command.trash):
        return
    to: Mapping[str, int] = {}
    if command.returns:
        to = {command.to: sum(queues.values())} if command.to else queues
    for line in hazards(reader.snapshot(jobs=False), to=to, trash=command.trash):
        say(f"warning: {line}")


def refuse_without_yes(args: argparse.Namespace) -> None:
    """Raise UsageError where nobody can be asked."""
    if not args.yes and not args.dry_run and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: add --yes, or --dry-run to look first")


def confirmed(settings: Settings, command: BulkCommand, count: int, words: str = "") -> bool:
    """Ask on the terminal; True when the word was typed."""
    what = exact(count, command.thing)
    words = f" ({safe(words, 100)})" if words else ""
    where = safe(settings.masked_redis_url)
    sys.stderr.write(f"{command.verb} {what}{words} of {where}? Type {command.word}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == command.word


def report(args: argparse.Namespace, command: BulkCommand, result: CommandResult) -> int:
    """Say what was done. Returns the exit code: 1 where something was refused, 130 when stopped."""
    if args.json:
        write_json(result_document(result))
    else:
        line = f"{command.done} {exact(result.applied, command.thing)}"
        if result.skipped:
            line += f"; skipped {reasons(result.skipped)}"
        if result.refused:
            line += f"; refused {reasons(result.refused)}"
        if result.cancelled:
            line += "; stopped before the end"
        elif not (result.applied or result.skipped or result.refused):
            line += "; nothing was found"
        write_lines([line])
        if command.aftermath and result.applied and result.operation:
            say(command.aftermath.format(operation=result.operation))
    return exit_code(result)


def exit_code(result: CommandResult) -> int:
    """1 where something was refused, 130 where the operator stopped it, else 0."""
    if result.cancelled:
        return INTERRUPTED
    return 1 if result.refused else 0


def _counted(args: argparse.Namespace, reader: Reader, scope: Scope) -> Preview | None:
    # With --yes nobody reads the count, and the action counts by itself.
    if args.yes and not args.dry_run:
        return None
    with Meter("matching") as meter:
        counted = preview(reader, scope, watch=meter)
    if meter.interrupted:
        raise KeyboardInterrupt
    return counted


def preview_document(command: BulkCommand, counted: Preview) -> dict[str, Any]:
    """The preview of an operation, for programs."""
    return {
        "action": command.verb,
        "dry_run": True,
        "matching": counted.matching,
        "total": counted.total,
        "signatures": _signatures(counted),
        "missing": sorted(counted.missing),
        "sample": [row_document(row) for row in counted.sample],
    }


def write_preview(command: BulkCommand, counted: Preview) -> None:
    """Print the preview of an operation: how many jobs, their signatures, and a few of them."""
    lines = [f"would {command.verb} {exact(counted.matching, command.thing)}"]
    if trusts := _signatures(counted):
        lines.append(f"signatures: {reasons(trusts)}")
    lines += missing_lines(counted)
    for row in counted.sample:
        why = safe(error_line(row), 120)
        lines.append(f"  {safe(row.key, 60)}  {call_of(row, 120)}{'  ' + why if why else ''}")
    if counted.matching > len(counted.sample):
        lines.append(f"  and {counted.matching - len(counted.sample):,} more")
    write_lines(lines)


def missing_lines(counted: Preview) -> list[str]:
    """A line that names the ids that were not found, if there are any."""
    if not counted.missing:
        return []
    return [f"not found: {', '.join(safe(each, 60) for each in sorted(counted.missing))}"]


def _signatures(counted: Preview) -> dict[str, int]:
    return {str(trust): n for trust, n in counted.trusts.items()}
