"""``asok worker set``: ``SetWorkerShape`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk, direct
from asok_console.commands.support.documents import result_document, write_json, write_lines
from asok_console.presentation.text import safe
from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.operations.catalog.results import total_of
from asok_core.operations.catalog.switches import SetWorkerShape
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.operations.reshaping import PATIENCE, Reshaping, wait_until_reshaped
from asok_core.settings.declaration import parse_option
from asok_core.settings.kinds import DURATION, QUEUES, THREADS
from asok_core.settings.settings import Settings

OPERATIONS = (SetWorkerShape,)
INTERRUPTED = "ordered; the wait was interrupted, see asok worker status"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = (
        "Change a running worker until it ends; after a restart it has its configuration again. Each of "
        "its processes is replaced by one that has the ordered values: jobs that it claimed ahead return "
        "to their queues, and what it runs continues. The command waits until the worker has confirmed "
        "the order. Exit code 1: it has not, or that is not known."
    )
    parser.add_argument("--concurrency", metavar="N", help="threads per process")
    parser.add_argument("--queues", metavar="QUEUE,...", help="queues in strict order")
    parser.add_argument(
        "--reset", action="store_true", help="the values that the worker was started with"
    )
    parser.add_argument(
        "--wait",
        metavar="DURATION",
        help=f"how long to wait for the worker to confirm it [{PATIENCE:.0f}s]",
    )
    direct.add_worker(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Order it, and wait until the worker has confirmed it."""
    operation = SetWorkerShape(
        args.worker,
        concurrency=None
        if args.concurrency is None
        else parse_option("--concurrency", THREADS, args.concurrency),
        queues=() if args.queues is None else parse_option("--queues", QUEUES, args.queues),
        reset=args.reset,
    )
    if args.reset == bool(operation.concurrency or operation.queues):
        raise UsageError("specify --concurrency or --queues or both, or --reset alone")
    patience = PATIENCE if args.wait is None else parse_option("--wait", DURATION, args.wait)
    settings = on_redis(settings, args.url)
    scope = Scope(operation.location)
    result = total_of(bulk.perform(settings, operation, scope))
    if not args.json:
        bulk.report(args, operation, scope, result)
    interrupted = False
    with closing(open_reader(settings)) as reader:
        try:
            found = wait_until_reshaped(reader, args.worker, patience)
        except KeyboardInterrupt:
            # It is ordered: what was done must not be lost.
            found, interrupted = Reshaping(INTERRUPTED), True
    if args.json:
        document = {"worker": args.worker, "confirmed": found.confirmed, "state": found.words}
        write_json({**result_document(result), **document})
    else:
        write_lines([safe(found.words, bulk.LONGEST_LINE)])
    if interrupted:
        return bulk.INTERRUPTED
    return bulk.exit_code(result) or int(not found.confirmed)
