"""``asok worker status``: the state of queues, jobs and workers, as a page, as JSON, or as a check."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from typing import TYPE_CHECKING

from asok_console.commands.support import status_checks
from asok_console.commands.support.options import whole_number
from asok_core.errors import Refused, Unreachable, UsageError
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.durations import parse_duration
from asok_core.settings.settings import Settings

if TYPE_CHECKING:
    from asok_console.commands.support.status_report import WorkerStatus
    from asok_core.backends.roles import Reader

DEAD_JOBS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON document (with --watch: one a line)"
    )
    parser.add_argument("--watch", metavar="DURATION", help="repeat at this interval, until Ctrl+C")
    parser.add_argument(
        "--limit", metavar="N", default="10", help="how many next jobs of each queue to show [10]"
    )
    parser.add_argument("--url", help="Redis URL (overrides ASOK_REDIS_URL)")
    status_checks.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the status. Returns 0, or 1 when a threshold that was given is exceeded."""
    limit = whole_number("--limit", args.limit, 0, 1000)
    interval = None if args.watch is None else _interval(args.watch)
    checks = status_checks.parse(args)
    settings = on_redis(settings, args.url)
    if interval is None:
        # A single look is over before a collection would pay, and imports alone cause dozens.
        gc.disable()
    reader = open_reader(settings)
    try:
        if interval is None:
            return _show(reader, limit, checks, as_json=args.json)
        _watch(reader, limit, checks, interval, as_json=args.json)
    finally:
        reader.close()
    return 0


def read_status(reader: Reader, limit: int, checks: status_checks.StatusChecks) -> WorkerStatus:
    """Everything that the status says, in five round trips or fewer."""
    from asok_console.commands.support.status_report import WorkerStatus

    snapshot = reader.snapshot(rates=False)
    waiting = [queue.name for queue in snapshot.queues if queue.pending] if limit else []
    return WorkerStatus(
        snapshot=snapshot,
        next_jobs=reader.next_jobs(waiting, limit) if waiting else {},
        dead=reader.dead(0, DEAD_JOBS).rows if snapshot.dead else (),
        failures=tuple(checks.failures(snapshot)),
    )


def _show(reader: Reader, limit: int, checks: status_checks.StatusChecks, *, as_json: bool) -> int:
    from asok_console.commands.support.status_document import to_json
    from asok_console.commands.support.status_page import to_lines
    from asok_console.presentation.text import safe

    status = read_status(reader, limit, checks)
    if as_json:
        sys.stdout.write(to_json(status, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(to_lines(status)) + "\n")
    _warn(checks, status)
    for failure in status.failures:
        sys.stderr.write(f"asok: check failed: {safe(failure)}\n")
    return 1 if status.failures else 0


def _watch(
    reader: Reader,
    limit: int,
    checks: status_checks.StatusChecks,
    interval: float,
    *,
    as_json: bool,
) -> None:
    from asok_console.commands.support.status_document import to_json
    from asok_console.commands.support.status_page import to_lines
    from asok_console.presentation.text import safe

    warned = False
    while True:
        try:
            status = read_status(reader, limit, checks)
        except (Unreachable, Refused) as error:
            # A watch outlives a restart of Redis; the words go to stderr, the data stay data.
            sys.stderr.write(f"asok: {safe(str(error))}\n")
        else:
            if not warned:
                _warn(checks, status)
                warned = True
            if as_json:
                sys.stdout.write(to_json(status) + "\n")
            else:
                lines = [*to_lines(status), ""]
                sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
        time.sleep(interval)


def _warn(checks: status_checks.StatusChecks, status: WorkerStatus) -> None:
    from asok_console.presentation.text import safe

    for line in checks.unknown(status.snapshot):
        sys.stderr.write(f"asok: warning: {safe(line)}\n")


def _interval(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--watch: {error}") from None
    if seconds < 0.1:
        raise UsageError(f"--watch {text}: the shortest interval is 100ms")
    return seconds
