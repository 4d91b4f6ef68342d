"""``asok job find``: jobs wherever they are, by id, task, error, argument or traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import (
    call_of,
    error_line,
    row_document,
    say,
    write_json,
    write_lines,
)
from asok_console.commands.support.options import whole_number
from asok_console.commands.support.progress import ProgressMeter
from asok_console.presentation.tables import ID_LIMIT
from asok_console.presentation.text import safe
from asok_core.backends.roles import Progress, Reader
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import find
from asok_core.settings.settings import Settings

FOUND, NOT_FOUND = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "text", metavar="TEXT", help="an id or its beginning, or a part of the rest"
    )
    parser.add_argument("--limit", metavar="N", default="20", help="how many at most [20]")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print each job as it is found. Returns 1 where there is none, 130 if Ctrl+C stopped it."""
    limit = whole_number("--limit", args.limit, 1, 1_000_000)
    reader = open_reader(settings, args.url)
    rows: list[Row] = []
    gaps: list[str] = []
    try:
        snapshot = reader.snapshot()
        with ProgressMeter("found") as meter:
            for row in _found(reader, args.text, snapshot, meter, gaps):
                rows.append(row)
                if not args.json:
                    meter.clear()
                    write_lines([_line(row)])
                    # A pipe would get them in blocks.
                    sys.stdout.flush()
                if len(rows) == limit:
                    break
    finally:
        reader.close()
    if args.json:
        complete = len(rows) < limit and not meter.interrupted and not gaps
        write_json({"jobs": [row_document(row) for row in rows], "complete": complete})
    elif meter.interrupted:
        say("stopped before the end: there may be more")
    elif len(rows) == limit:
        say(f"stopped after {limit:,}: there may be more (--limit)")
    elif not rows:
        say("no job was found")
    if gaps and len(rows) < limit and not meter.interrupted:
        say(f"not complete: {'; '.join(gaps)}")
    if meter.interrupted:
        return bulk.INTERRUPTED
    return FOUND if rows else NOT_FOUND


def _found(
    reader: Reader, text: str, snapshot: Snapshot, meter: ProgressMeter, gaps: list[str]
) -> Iterator[Row]:
    total = snapshot.pending + snapshot.delayed + snapshot.active + snapshot.dead
    number = 0
    for step in find(reader, text, snapshot):
        number += len(step.rows)
        gaps += (each for each in step.gaps if each not in gaps)
        yield from step.rows
        if not meter(Progress(step.looked, max(total, step.looked), number)):
            return


def _line(row: Row) -> str:
    document = row_document(row)
    state = document["status"] or row.location
    call = call_of(row, 200) if row.payload.job else safe(document["task"] or "", 200)
    job_id = safe(document["id"] or row.key, ID_LIMIT)
    parts = [job_id, safe(str(state), 20), safe(row.queue, 60), call, safe(error_line(row), 200)]
    return "  ".join(parts).rstrip()
