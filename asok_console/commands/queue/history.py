"""``asok queue history``: what happened in a queue over time, and how long it was."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines, write_table
from asok_console.commands.support.queue_names import known
from asok_console.presentation import queue_history
from asok_console.presentation.tables import terminal_width
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.errors import UsageError
from asok_core.inspection.histograms import percentile
from asok_core.inspection.moments import read_moment
from asok_core.inspection.queue_history import (
    HOURS_KEPT,
    Period,
    QueueDepth,
    QueueHistory,
    step_of,
)
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("queue", metavar="QUEUE", nargs="?", help="a queue [all queues together]")
    parser.add_argument(
        "--since",
        metavar="MOMENT",
        default="1h",
        help="the begin: 15:00 or yesterday (local time), 2026-11-25T15:00Z, or 90s, 5m, 2h ago [1h]",
    )
    parser.add_argument("--until", metavar="MOMENT", help="the end, written in the same way [now]")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the history, by the minute for a day and by the hour for 14 days."""
    # An error in a moment is reported before Redis is asked.
    _moment("--since", args.since, 0.0)
    if args.until is not None:
        _moment("--until", args.until, 0.0)
    with closing(open_reader(settings, args.url)) as reader:
        if args.queue is not None:
            known(reader, args.queue)
        else:
            reader.snapshot(rates=False, jobs=False)
        history = reader.queue_history(args.queue, lambda now: _moments(args, now))
    begin, _ = _moments(args, history.taken_at)
    if history.taken_at - begin > HOURS_KEPT:
        say(f"figures are kept for 14 days: this begins at {iso(history.since)}")
    if args.json:
        write_json(_document(history))
        return 0
    if not history.periods:
        write_lines(["No minute between these moments is over."])
        return 0
    shown = history.in_steps(step_of(history.until - history.since, history.width))
    name = "All queues" if args.queue is None else f"Queue {safe(args.queue, 200)}"
    write_lines([queue_history.title(shown, name)])
    write_table(*queue_history.table_of(shown, terminal_width()))
    return 0


def _moments(args: argparse.Namespace, now: float) -> tuple[float, float]:
    begin = _moment("--since", args.since, now)
    end = now if args.until is None else _moment("--until", args.until, now)
    if begin > now:
        raise UsageError(
            f"--since: {args.since!r} is to come: it is {iso(now)} by the clock of Redis"
        )
    if end <= begin:
        raise UsageError(f"--until: {args.until!r} is not later than --since {args.since!r}")
    return begin, end


def _moment(option: str, text: str, now: float) -> float:
    try:
        return read_moment(text, now, local=True)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _document(history: QueueHistory) -> dict[str, Any]:
    return {
        "queue": history.name,
        "taken_at": iso(history.taken_at),
        "since": iso(history.since),
        "until": iso(history.until),
        "period_seconds": history.width,
        "recorded_minutes": history.recorded,
        "periods": [_period(history, each) for each in history.periods],
    }


def _period(history: QueueHistory, period: Period) -> dict[str, Any]:
    """Null is what is not known."""
    counters = period.counters if period.is_recorded else None
    document = {
        "at": iso(period.start),
        "minutes": period.minutes,
        "recorded_minutes": period.recorded,
        "enqueued": counters and counters.enqueued,
        "completed": counters and counters.completed,
        "failed": counters and counters.failed,
        "retried": counters and counters.retried,
        "died": counters and counters.dead,
        "wait_p50_ms": counters and percentile(counters.waits, 0.5),
        "wait_p95_ms": counters and percentile(counters.waits, 0.95),
        "run_p50_ms": counters and percentile(counters.runs, 0.5),
        "run_p95_ms": counters and percentile(counters.runs, 0.95),
        "pending": _depth(period.pending),
    }
    if history.name is None:
        document |= {"delayed": _depth(period.delayed), "dead": _depth(period.dead)}
    return document


def _depth(depth: QueueDepth) -> dict[str, Any] | None:
    if not depth.minutes:
        return None
    return {"last": depth.last, "mean": depth.mean, "highest": depth.highest}
