"""What all orders to a worker share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import (
    reasons,
    result_document,
    write_json,
    write_lines,
)
from asok_console.presentation.text import safe
from asok_core.backends.roles import CommandResult, Operator
from asok_core.operations.inspector import on_redis, open_operator
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what each takes."""
    parser.add_argument("worker", help="its id, as asok worker status shows it")
    bulk.add_common(parser)


def give(
    args: argparse.Namespace,
    settings: Settings,
    done: str,
    order: Callable[[Operator, str], CommandResult],
) -> int:
    """Give the order and say so. Raises UsageError for an unknown worker; twice is no error."""
    operator = open_operator(on_redis(settings, args.url))
    try:
        result = order(operator, args.worker)
    finally:
        operator.close()
    if args.json:
        write_json({**result_document(result), "worker": args.worker})
    else:
        unchanged = f" ({reasons(result.skipped)})" if result.skipped else ""
        write_lines([f"{done}: {safe(args.worker, 200)}{unchanged}"])
    return 0
