"""``asok dlq groups``: dead jobs by error."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_table
from asok_console.presentation import numbers
from asok_console.presentation.error_groups import names
from asok_console.presentation.tables import TextColumn
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection import filters
from asok_core.inspection.error_groups import ErrorGroups
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.operations.preview import resolved, rows_in
from asok_core.settings.settings import Settings

NAMED = 3
"""Tasks and queues of a group that are named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--filter", metavar="WORDS", default="", help="only jobs that match")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the error groups, the most frequent first."""
    chosen = filters.parse(args.filter)
    reader = open_reader(settings, args.url)
    try:
        reader.dead(0, 1).readable()
        scope = resolved(reader, Location.DEAD, chosen=chosen or None)
        errors = ErrorGroups()
        errors.add(rows_in(reader, scope, whole=chosen.reads_arguments))
    finally:
        reader.close()
    groups, now = errors.groups(), scope.before or 0.0
    if args.json:
        write_json(
            {
                "groups": [
                    {
                        "cause": each.error,
                        "count": each.count,
                        "first_seen": iso(each.first_seen),
                        "last_seen": iso(each.last_seen),
                        "tasks": dict(each.tasks),
                        "queues": dict(each.queues),
                        "sample_id": each.sample,
                    }
                    for each in groups
                ]
            }
        )
        return 0
    columns = (
        TextColumn("COUNT", right=True),
        TextColumn("FIRST", right=True),
        TextColumn("LAST", right=True),
        TextColumn("ERROR", shrinks=True),
        TextColumn("TASKS", shrinks=True),
        TextColumn("QUEUES", shrinks=True),
    )
    write_table(
        columns,
        [
            (
                numbers.count(each.count),
                numbers.age(each.first_seen, now),
                numbers.age(each.last_seen, now),
                safe(each.error, 200),
                safe(names(each.tasks, NAMED), 200),
                safe(names(each.queues, NAMED), 100),
            )
            for each in groups
        ],
    )
    return 0
