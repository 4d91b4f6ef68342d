"""``asok trash list``: what can still be restored."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.audit_entries import activity_document, table_of
from asok_console.commands.support.documents import say, write_json
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

LATELY = 10_000
"""Entries of the audit that are looked through; it is capped at about this number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the operations whose trash holds something, newest first."""
    reader = open_reader(settings, args.url)
    try:
        now = reader.snapshot().taken_at
        kept = [
            each
            for each in reader.activity(LATELY).readable()
            if each.in_trash or each.trash_problem
        ]
    finally:
        reader.close()
    if args.json:
        write_json({"trash": [activity_document(each) for each in kept]})
    else:
        table_of(kept, now, "the trash is empty")
    problems = [each.trash_problem for each in kept if each.trash_problem]
    for problem in problems:
        say(problem)
    return int(bool(problems))
