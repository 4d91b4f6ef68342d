"""``asok dlq groups``: dead jobs by error, task, worker or release."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_table
from asok_console.commands.support.options import filter_of
from asok_console.presentation import numbers
from asok_console.presentation.error_groups import names
from asok_console.presentation.notes import note_document, note_text
from asok_console.presentation.tables import TextColumn
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.composition import UNKNOWN
from asok_core.inspection.error_groups import UNREADABLE, ErrorGroup, ErrorGroups, error_group_of
from asok_core.inspection.notes import Notes, on_error
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.operations.preview import resolved, rows_in
from asok_core.operations.samples import with_records
from asok_core.settings.settings import Settings

GROUPINGS: dict[str, Callable[[Row], str]] = {
    "error": error_group_of,
    "task": lambda row: row.payload.job.task if row.payload.job else UNREADABLE,
    "worker": lambda row: row.ran_on or UNKNOWN,
    "release": lambda row: row.ran_release or UNKNOWN,
}
IN_RECORDS = ("worker", "release")
LONGEST_GROUP = 300
"""Characters of the name of a group: no error group has more."""
NAMED = 3
"""Tasks and queues of a group that are named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--filter", metavar="FILTER", default="", help="only jobs that match")
    parser.add_argument(
        "--by",
        choices=GROUPINGS,
        default="error",
        help="what the jobs of a group have in common; worker and release: of the last attempt [error]",
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the groups, the largest first."""
    chosen = filter_of(args.filter, Location.DEAD)
    reader = open_reader(settings, args.url)
    try:
        reader.dead(0, 1).readable()
        scope = resolved(reader, Location.DEAD, chosen=chosen or None)
        found = ErrorGroups(group_of=GROUPINGS[args.by])
        rows = rows_in(reader, scope, whole=chosen.reads_arguments)
        found.add(with_records(reader, rows) if args.by in IN_RECORDS else rows)
        notes = reader.notes() if args.by == "error" else Notes()
    finally:
        reader.close()
    groups, now = found.groups(), scope.before or 0.0
    if args.json:
        write_json(
            {
                "by": args.by,
                "groups": [
                    {
                        "cause" if args.by == "error" else args.by: _named(each, args.by),
                        "count": each.count,
                        "first_seen": iso(each.first_seen),
                        "last_seen": iso(each.last_seen),
                        "tasks": dict(each.tasks),
                        "queues": dict(each.queues),
                        "sample_id": each.sample,
                        "note": note_document(notes.on(on_error(each.key))),
                    }
                    for each in groups
                ],
            }
        )
        return 0
    # Commands and filters accept no other form of it. Errors are long, and a screen shows more of them.
    whole = args.by == "worker" or not sys.stdout.isatty()
    columns = (
        TextColumn("COUNT", right=True),
        TextColumn("FIRST", right=True),
        TextColumn("LAST", right=True),
        TextColumn(args.by.upper(), shrinks=True, keeps=LONGEST_GROUP if whole else 0),
        TextColumn("TASKS", shrinks=True),
        TextColumn("QUEUES", shrinks=True),
        TextColumn("", shrinks=True),
    )
    write_table(
        columns,
        [
            (
                numbers.count(each.count),
                numbers.age(each.first_seen, now),
                numbers.age(each.last_seen, now),
                safe(_named(each, args.by) or UNKNOWN, LONGEST_GROUP),
                safe(names(each.tasks, NAMED), 200),
                safe(names(each.queues, NAMED), 100),
                note_text(notes.on(on_error(each.key))),
            )
            for each in groups
        ],
        none="no dead jobs match" if args.filter else "no dead jobs",
    )
    return 0


def _named(group: ErrorGroup, by: str) -> str | None:
    """What the jobs of a group have in common; None where that is not known."""
    if by in IN_RECORDS and group.error == UNKNOWN:
        return None
    return "(all others)" if group.is_rest and by != "error" else group.error
