"""``asok hold add``: ``HoldJobs`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk, options
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.commands.support.enforced import report_enforced, say_unknown_task
from asok_console.presentation.holds import hold_document
from asok_console.presentation.text import safe
from asok_core.backends.roles import Reader, Scope
from asok_core.errors import UsageError
from asok_core.inspection.hold_conditions import EXAMPLE, parse_condition
from asok_core.inspection.holds import (
    LONGEST_REASON,
    Hold,
    cleaned_reason,
    length_problem,
    problem_of,
)
from asok_core.operations.catalog.holds import HoldJobs
from asok_core.operations.catalog.results import total_of
from asok_core.operations.enforcement import Enforcement, wait_until_enforced
from asok_core.operations.hold_matches import waiting_matches
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.durations import parse_duration
from asok_core.settings.settings import Settings

OPERATIONS = (HoldJobs,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = (
        "A job is held if all that is given matches. Workers of earlier releases and of the asok "
        "framework ignore holds. Exit code 1: not every worker has confirmed the hold, or that is not "
        "known."
    )
    parser.add_argument(
        "--task", metavar="TASK", default="", help="jobs of this task: module.function"
    )
    parser.add_argument("--queue", metavar="QUEUE", default="", help="jobs of this queue")
    parser.add_argument(
        "--arg",
        metavar="CONDITION",
        action="append",
        default=[],
        help=f"jobs with such an argument, by its position or the path of its name: {EXAMPLE}; "
        "may be repeated",
    )
    parser.add_argument(
        "--release", metavar="RELEASE", default="", help="jobs on workers of this release"
    )
    parser.add_argument(
        "--for",
        dest="lasts",
        metavar="DURATION",
        help="release it automatically after DURATION, as in 90s, 30m, 2h",
    )
    parser.add_argument(
        "--until",
        metavar="MOMENT",
        help="release it automatically at 15:00 or tomorrowT15:00 (local time), or in 2h",
    )
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        default="",
        help=f"why, at most {LONGEST_REASON} characters; asok explain and the list of holds show it",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only count the waiting jobs that match"
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Add the hold, and wait until workers have confirmed it."""
    hold = Hold(
        "",
        task=args.task.replace(":", "."),
        queue=args.queue,
        conditions=tuple(map(parse_condition, args.arg)),
        release=args.release,
        reason=cleaned_reason(args.reason),
    )
    if problem := problem_of(hold):
        raise UsageError(f"{problem}: give --task, --queue, --arg or --release")
    settings = on_redis(settings, args.url)
    if args.dry_run:
        return _preview(args, settings, hold)
    with closing(open_reader(settings)) as reader:
        lasts, ends = _end(args, reader)
        operation = HoldJobs(hold, lasts, ends)
        scope = Scope(operation.location)
        result = total_of(bulk.perform(settings, operation, scope))
        if result.hold is None:
            return bulk.report(args, operation, scope, result)
        hold_id, generation = result.hold.id, result.generation

        def wait() -> Enforcement:
            say_unknown_task(reader, hold.task)
            return wait_until_enforced(reader, hold_id, generation)

        return report_enforced(
            args,
            operation,
            scope,
            result,
            wait=wait,
            listed_by="asok hold list",
            document={"hold": hold_document(result.hold)},
        )


def _end(args: argparse.Namespace, reader: Reader) -> tuple[float | None, float | None]:
    """The length or the end that is asked for."""
    if args.lasts is not None and args.until is not None:
        raise UsageError("specify at most one of --for, --until")
    if args.lasts is not None:
        return options.length("--for", args.lasts, length_problem), None
    if args.until is None:
        return None, None
    try:
        parse_duration(args.until)
    except ValueError:
        now = reader.snapshot(rates=False, jobs=False).taken_at
        return None, options.end(args.until, now, length_problem, ", or a length of time as in 2h")
    return options.length("--until", args.until, length_problem), None


def _preview(args: argparse.Namespace, settings: Settings, hold: Hold) -> int:
    """Count what waits now. Arguments are compared as workers do it, also those that are not shown."""
    with closing(open_reader(settings, redacted=False)) as reader:
        _end(args, reader)
        found = waiting_matches(reader, hold)
    if args.json:
        write_json({"action": "hold", "dry_run": True, **found._asdict()})
    else:
        line = f"{HoldJobs(hold).matches_line(found)} of {hold.words}"
        write_lines([safe(line, bulk.LONGEST_LINE)])
    return 0
