"""``asok queue composition``: what the jobs of a queue are, by task, argument, age, size, ..."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_table
from asok_console.commands.support.options import whole_number
from asok_console.commands.support.queue_names import known
from asok_console.presentation import compositions, numbers
from asok_console.presentation.tables import TextColumn
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.errors import Refused
from asok_core.inspection.composition import (
    Composition,
    Dimension,
    compose,
    parse_by,
)
from asok_core.inspection.group_counts import CompositionLine
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.operations.samples import read_sample
from asok_core.settings.settings import Settings

LOCATIONS = ("pending", "delayed", "dead")
_TITLES = {
    Dimension.TASK: "TASK",
    Dimension.PATHS: "ARGUMENT",
    Dimension.ARGUMENT: "VALUE",
    Dimension.AGE: "AGE",
    Dimension.SIZE: "SIZE",
    Dimension.WORKER: "WORKER",
    Dimension.RELEASE: "RELEASE",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("queue", metavar="QUEUE", help="a queue")
    parser.add_argument(
        "--by",
        default="task",
        metavar="DIMENSION",
        help="task, arg (the arguments that there are), arg:PATH (as in arg:args[0].customer or "
        "arg:kwargs.tenant), age, size, or the worker or release that ran it last [task]",
    )
    parser.add_argument(
        "--location", choices=LOCATIONS, default="pending", help="where the jobs are [pending]"
    )
    parser.add_argument("--limit", metavar="N", default="20", help="show at most N lines [20]")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the lines, the largest first, and whether they are counted or estimated."""
    by, limit = parse_by(args.by), whole_number("--limit", args.limit, 1, 1_000_000)
    location = Location(args.location)
    pending = location is Location.PENDING
    with closing(open_reader(settings, args.url)) as reader:
        queue = known(reader, args.queue)
        records = by.dimension.needs_records
        sample = read_sample(reader, location, queue if pending else None, records=records)
    # Delayed and dead jobs of all queues are in one list.
    found = compose(sample, by, queue=None if pending else queue)
    if found.problem:
        raise Refused(found.problem)
    if args.json:
        write_json(_document(found, args, iso(sample.taken_at)))
        return 0
    _print(found, limit, location)
    return 0


def _print(found: Composition, limit: int, location: Location) -> None:
    paths = found.by.dimension is Dimension.PATHS
    columns = [TextColumn("JOBS", right=True), TextColumn("SHARE", right=True)]
    columns += [] if found.is_exact else [TextColumn("ERROR", right=True)]
    columns += [TextColumn("VALUES", right=True)] if paths else []
    columns.append(TextColumn(_TITLES[found.by.dimension], shrinks=True))
    write_table(columns, [_cells(line, found, paths=paths) for line in found.lines[:limit]])
    more = len(found.lines) - limit
    if more > 0:
        say(f"{more:,} more lines (--limit)")
    say(f"{location}: {compositions.basis(found)}")


def _cells(line: CompositionLine, found: Composition, *, paths: bool) -> tuple[str, ...]:
    cells = [compositions.jobs(line, found), numbers.share(line.share)]
    cells += [] if found.is_exact else [compositions.error(line.error)]
    cells += [compositions.values(line)] if paths else []
    return (*cells, safe(line.group.name, 200))


def _document(found: Composition, args: argparse.Namespace, read_at: str | None) -> dict[str, Any]:
    return {
        "queue": args.queue,
        "location": args.location,
        "by": str(found.by),
        "read_at": read_at,
        "jobs": found.total,
        "read": found.read,
        "exact": found.is_exact,
        "error": found.error,
        "lines": [
            {
                "name": line.group.name,
                "jobs": line.jobs,
                "share": line.share,
                "error": line.error,
                "read": line.read,
                "values": line.values,
                "filter": line.group.filter or None,
            }
            for line in found.lines
        ],
    }
