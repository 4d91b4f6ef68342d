"""``asok audit``: what operators did, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import reasons, write_json, write_table
from asok_console.commands.worker.status import whole_number
from asok_console.presentation import numbers
from asok_console.presentation.tables import Column
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.audit import Activity
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--limit", metavar="N", default="20", help="how many at most [20]")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the audit."""
    limit = whole_number("--limit", args.limit, 1, 100_000)
    reader = open_reader(settings, args.url)
    try:
        now = reader.snapshot().taken_at
        actions = reader.activity(limit).readable()
    finally:
        reader.close()
    if args.json:
        write_json({"actions": [activity_document(each) for each in actions]})
    else:
        table_of(actions, now)
    return 0


def activity_document(each: Activity) -> dict[str, Any]:
    """One action for programs."""
    return {
        "operation": each.operation,
        "at": iso(each.at),
        "who": each.who,
        "where": each.where,
        "action": each.action,
        "place": each.place or None,
        "queue": each.queue or None,
        "scope": each.words or None,
        "state": each.state,
        "applied": each.applied,
        "skipped": dict(each.skipped),
        "refused": dict(each.refused),
        "in_trash": each.in_trash,
        "trash_until": iso(each.trash_until),
    }


def table_of(actions: Sequence[Activity], now: float) -> None:
    """Print actions as a table."""
    columns = (
        Column("OPERATION"),
        Column("AGO", right=True),
        Column("WHO", shrinks=True),
        Column("ACTION"),
        Column("SCOPE", shrinks=True),
        Column("DONE", right=True),
        Column("NOT DONE", shrinks=True),
        Column("IN TRASH", right=True),
        Column("STATE"),
    )
    write_table(
        columns,
        [
            (
                safe(each.operation, 64),
                numbers.age(each.at, now),
                safe(each.who, 60),
                safe(each.action, 20),
                safe(each.target, 100),
                numbers.count(each.applied),
                reasons({**each.skipped, **each.refused}),
                numbers.count(each.in_trash) if each.in_trash else "",
                safe(each.state, 20),
            )
            for each in actions
        ],
    )
