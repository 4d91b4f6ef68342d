"""``asok job list``: jobs in one state."""

from __future__ import annotations

import argparse
from itertools import islice

from asok_console.commands.support import listing
from asok_console.commands.support.documents import (
    call_of,
    error_line,
    row_document,
    say,
    write_json,
    write_table,
)
from asok_console.presentation import numbers, prose
from asok_console.presentation.progress import progress_cell
from asok_console.presentation.tables import ID_LIMIT, NAME_LIMIT, TextColumn, id_column
from asok_console.presentation.text import safe
from asok_core.clock import elapsed
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import STATES, listed, with_progress
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--state",
        choices=STATES,
        help="[pending]; recent jobs are listed without arguments, which are not kept",
    )
    parser.add_argument("--queue", help="only of this queue (pending: [all, one after another])")
    listing.add_arguments(parser)


_LISTED_IN = {
    "pending": Location.PENDING,
    "delayed": Location.DELAYED,
    "held": Location.HELD,
    "dead": Location.DEAD,
}


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the jobs, the next to run or the newest first."""
    state = args.state or "pending"
    chosen, limit = listing.asked_for(args, _LISTED_IN.get(state))
    reader = open_reader(settings, args.url)
    try:
        snapshot = reader.snapshot()
        now = snapshot.taken_at
        queues = [args.queue] if args.queue else [queue.name for queue in snapshot.queues]
        found = listed(reader, state, chosen, now, queues=queues)
        rows = list(islice((row for row in found if args.queue in (None, row.queue)), limit))
        rows = list(with_progress(reader, rows))
    finally:
        reader.close()
    if args.json:
        write_json({"state": state, "jobs": [row_document(row) for row in rows]})
        return 0
    # Few tasks report it, and the column takes its width from errors.
    reported = any(row.progress is not None for row in rows)
    columns = (
        id_column("ID"),
        TextColumn("AGE", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("STATUS"),
        *([TextColumn("PROGRESS", shrinks=True)] if reported else ()),
        TextColumn("CALL", shrinks=True),
        TextColumn("ERROR", shrinks=True),
    )
    none = f"no {state} jobs{' match' if args.filter else ''}"
    write_table(columns, [_cells(row, now, with_progress=reported) for row in rows], none)
    everything = args.state is None and not (args.queue or args.filter)
    if everything and (others := _others(snapshot)):
        say(f"only pending jobs are listed; --state STATE lists others: {others}")
    return 0


def _others(snapshot: Snapshot) -> str:
    """``3 delayed, 5 dead``: the jobs that have lists of their own."""
    found = {
        "running": snapshot.running,
        "delayed": snapshot.delayed,
        "held": snapshot.held + snapshot.limited,
        "dead": snapshot.dead,
    }
    return ", ".join(f"{number:,} {state}" for state, number in found.items() if number)


def _trouble(row: Row) -> str:
    if row.no_heartbeat_for is not None:
        return f"no heartbeat of its worker for {prose.rough(row.no_heartbeat_for)}"
    # Of an ended job the record is all there is.
    return error_line(row) if row.payload.job or row.record else ""


def _progress(row: Row) -> str:
    return "" if row.progress is None else progress_cell(row.progress)


def _cells(row: Row, now: float, *, with_progress: bool) -> tuple[str, ...]:
    document = row_document(row)
    job = row.payload.job
    since = row.at if row.at is not None else (job.enqueued_at if job else None)
    runs = row.location is Location.ACTIVE
    return (
        safe(document["id"] or row.key, ID_LIMIT),
        numbers.duration(elapsed(since, now)) if runs else numbers.age(since, now),
        safe(row.queue, NAME_LIMIT),
        safe(document["status"] or "", 20),
        *([_progress(row)] if with_progress else ()),
        call_of(row, 200) if job else safe(document["task"] or "", 200),
        safe(_trouble(row), 200),
    )
