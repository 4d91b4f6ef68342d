"""Operations that are performed at once: those on a queue, a worker or a trash that is named."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import result_document, write_json
from asok_core.backends.roles import Scope
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.results import total_of
from asok_core.operations.inspector import on_redis
from asok_core.settings.settings import Settings


def add_worker(parser: argparse.ArgumentParser) -> None:
    """Declare the worker, ``--json`` and ``--url``."""
    parser.add_argument(
        "worker", metavar="WORKER_ID", help="the id of a worker, as asok worker status shows it"
    )
    bulk.add_common(parser)


def add_queue(parser: argparse.ArgumentParser) -> None:
    """Declare the queue, ``--json`` and ``--url``."""
    parser.add_argument("queue", metavar="QUEUE", help="the name of the queue")
    bulk.add_common(parser)


def perform(
    args: argparse.Namespace, settings: Settings, operation: CatalogOperation, scope: Scope
) -> int:
    """Perform it and report the result. Returns the exit code."""
    result = bulk.perform(on_redis(settings, args.url), operation, scope)
    return bulk.report(args, operation, scope, result)


def switch_queue(
    args: argparse.Namespace, settings: Settings, operation: CatalogOperation, queue: str
) -> int:
    """Pause or resume a queue that exists. Returns the exit code."""
    return _switch(args, settings, operation, Scope(operation.location, queue), queue=queue)


def switch_worker(args: argparse.Namespace, settings: Settings, operation: CatalogOperation) -> int:
    """Order something of the worker that is named."""
    return _switch(args, settings, operation, Scope(operation.location), worker=args.worker)


def _switch(
    args: argparse.Namespace,
    settings: Settings,
    operation: CatalogOperation,
    scope: Scope,
    **named: str,
) -> int:
    """Report the result; a state that held before is not an error. ``named`` is added to the JSON."""
    result = bulk.perform(on_redis(settings, args.url), operation, scope)
    if args.json:
        write_json({**result_document(total_of(result)), **named})
    else:
        bulk.report(args, operation, scope, result)
    return bulk.exit_code(total_of(result))
