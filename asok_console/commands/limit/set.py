"""``asok limit set``: ``LimitJobs`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say
from asok_console.commands.support.enforced import report_enforced, say_unknown_task
from asok_console.commands.support.named_limit import (
    add_subject,
    confirmed_limit,
    preview_limit,
    subject_from,
)
from asok_console.presentation.limits import rule_document
from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.inspection.holds import LONGEST_REASON, cleaned_reason
from asok_core.jobs.limits import parse_limit
from asok_core.operations.catalog.limits import LimitJobs
from asok_core.operations.catalog.results import total_of
from asok_core.operations.enforcement import Enforcement, wait_until_limited
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (LimitJobs,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = (
        "The limit is in force instead of what @task(limit=...) declares, until asok limit reset. Jobs "
        "that run are counted, and finish; those beyond the limit wait, in their order. Workers of "
        "earlier releases and of the asok framework ignore it. Exit code 1: not every worker has "
        "confirmed the limit, or that is not known."
    )
    parser.add_argument(
        "limit",
        metavar="LIMIT",
        nargs="+",
        help="'4 at once', '100/minute' or '5/second, burst 20', or both: '4 at once, 100/hour'",
    )
    add_subject(parser)
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        default="",
        help=f"why, at most {LONGEST_REASON} characters; asok explain and the list of limits show it",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only show the limit that it would replace"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Set the limit, and wait until workers have confirmed it."""
    try:
        limit = parse_limit(" ".join(args.limit))
    except ValueError as error:
        raise UsageError(str(error)) from None
    rule = subject_from(args)._replace(limit=limit, reason=cleaned_reason(args.reason))
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    operation = LimitJobs(rule)
    scope = Scope(operation.location)
    with closing(open_reader(settings)) as reader:
        if args.dry_run:
            return preview_limit(args, operation, reader)
        if not args.yes and not confirmed_limit(settings, operation, reader):
            say(bulk.NOTHING_DONE)
            return 1
        result = total_of(bulk.perform(settings, operation, scope))
        made = result.limit
        if made is None:
            return bulk.report(args, operation, scope, result)
        generation = result.generation

        def wait() -> Enforcement:
            say_unknown_task(reader, made.task)
            return wait_until_limited(reader, made, generation)

        return report_enforced(
            args,
            operation,
            scope,
            result,
            wait=wait,
            listed_by="asok limit list",
            document={
                "limit": rule_document(made),
                "replaced": rule_document(result.former_limit) if result.former_limit else None,
            },
        )
