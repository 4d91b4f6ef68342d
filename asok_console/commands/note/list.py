"""``asok note list``: the notes of operators, newest first."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_table
from asok_console.presentation import numbers
from asok_console.presentation.notes import note_document
from asok_console.presentation.tables import ID_LIMIT, NAME_LIMIT, TextColumn, cells
from asok_console.presentation.text import safe
from asok_core.inspection.notes import LONGEST_NOTE, NoteKind
from asok_core.inspection.phrases import counted
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the notes. Raises Refused where they cannot be read."""
    with closing(open_reader(settings, args.url)) as reader:
        notes = reader.notes().readable()
    if notes.unread:
        say(f"{counted(notes.unread, 'field')} of the hash cannot be read as notes")
    if args.json:
        write_json(
            {
                "notes": [
                    {
                        "kind": str(each.subject.kind),
                        "name": each.subject.name,
                        **(note_document(each) or {}),
                    }
                    for each in notes.ordered()
                ]
            }
        )
        return 0
    of_jobs = (each.subject for each in notes.ordered() if each.subject.kind is NoteKind.JOB)
    keeps = max((cells(safe(each.name, ID_LIMIT)) for each in of_jobs), default=0)
    columns = (
        TextColumn("KIND"),
        TextColumn("ON", shrinks=True, keeps=keeps),
        TextColumn("AGO", right=True),
        TextColumn("WHO", shrinks=True),
        TextColumn("NOTE", shrinks=True),
    )
    write_table(
        columns,
        [
            (
                str(each.subject.kind),
                safe(each.subject.name, NAME_LIMIT),
                numbers.age(each.at, notes.taken_at),
                safe(each.who, 60),
                safe(each.text, LONGEST_NOTE),
            )
            for each in notes.ordered()
        ],
        none="no notes",
    )
    return 0
