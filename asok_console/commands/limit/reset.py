"""``asok limit reset``: ``RemoveLimit`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say
from asok_console.commands.support.enforced import report_enforced
from asok_console.commands.support.named_limit import (
    add_subject,
    confirmed_limit,
    preview_limit,
    subject_from,
)
from asok_console.presentation.limits import rule_document
from asok_core.backends.roles import Scope
from asok_core.operations.catalog.limits import RemoveLimit
from asok_core.operations.catalog.results import total_of
from asok_core.operations.enforcement import wait_until_limited
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (RemoveLimit,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = "Exit code 1: not every worker has confirmed that, or it is not known."
    add_subject(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only show the limit that it would remove"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Remove the limit, and wait until workers have confirmed that."""
    subject = subject_from(args)
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    operation = RemoveLimit(subject)
    scope = Scope(operation.location)
    with closing(open_reader(settings)) as reader:
        if args.dry_run:
            return preview_limit(args, operation, reader)
        if not args.yes and not confirmed_limit(settings, operation, reader):
            say(bulk.NOTHING_DONE)
            return 1
        result = total_of(bulk.perform(settings, operation, scope))
        removed = result.former_limit
        return report_enforced(
            args,
            operation,
            scope,
            result,
            wait=lambda: wait_until_limited(reader, subject, result.generation),
            listed_by="asok limit list",
            document={"removed": rule_document(removed) if removed else None},
        )
