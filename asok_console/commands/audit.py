"""``asok audit``: what operators did, newest first."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.audit_entries import activity_document, table_of
from asok_console.commands.support.documents import write_json
from asok_console.commands.support.options import whole_number
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
        table_of(actions, now, "no operations")
    return 0
