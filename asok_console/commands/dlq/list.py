"""``asok dlq list``: the newest dead jobs, or those that match a filter."""

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
from asok_console.presentation.tables import ID_LIMIT, NAME_LIMIT, TextColumn, id_column
from asok_console.presentation.text import safe
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import listed
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    listing.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print dead jobs, newest first."""
    chosen, limit = listing.asked_for(args, Location.DEAD)
    reader = open_reader(settings, args.url)
    try:
        now, total = reader.snapshot().taken_at, reader.dead(0, 1).total
        rows = list(islice(listed(reader, "dead", chosen, now), limit))
    finally:
        reader.close()
    if args.json:
        write_json({"total": total, "dead_letters": [row_document(row) for row in rows]})
        return 0
    columns = (
        id_column("ID"),
        TextColumn("FAILED", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("CALL", shrinks=True),
        TextColumn("ERROR", shrinks=True),
    )
    write_table(
        columns,
        [
            (
                safe(row.key, ID_LIMIT),
                numbers.age(row.payload.failed_at, now),
                safe(row.queue, NAME_LIMIT),
                call_of(row, 200),
                safe(error_line(row), 200),
            )
            for row in rows
        ],
        none="" if total else "no dead jobs",
    )
    if total > len(rows):
        say(f"{len(rows):,} of {prose.plural(total, 'dead job')}")
    return 0
