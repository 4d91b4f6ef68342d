"""``asok queue list``: every queue, its jobs and its state."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import (
    QUEUE_COLUMNS,
    queue_cells,
    queue_document,
    queue_lines,
    write_json,
    write_lines,
)
from asok_console.presentation import numbers
from asok_console.presentation.holds import queue_state
from asok_console.presentation.notes import note_document, note_text
from asok_console.presentation.tables import TextColumn, terminal_width
from asok_core.clock import iso
from asok_core.inspection.notes import on_queue
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the queues."""
    reader = open_reader(settings, args.url)
    try:
        snapshot = reader.snapshot()
    finally:
        reader.close()
    if args.json:
        write_json(
            {
                "taken_at": iso(snapshot.taken_at),
                "queues": [
                    {
                        **queue_document(queue),
                        "enqueued_per_s": queue.enqueued_per_s,
                        "completed_per_s": queue.completed_per_s,
                        "failure_rate": queue.failure_rate,
                        "held": snapshot.held_of(queue.name),
                        "limited": snapshot.limited_of(queue.name),
                        "note": note_document(snapshot.notes.on(on_queue(queue.name))),
                    }
                    for queue in snapshot.queues
                ],
            }
        )
        return 0
    notes = [note_text(snapshot.notes.on(on_queue(queue.name))) for queue in snapshot.queues]
    columns = (
        *QUEUE_COLUMNS,
        TextColumn("IN", right=True),
        TextColumn("DONE", right=True),
        TextColumn("FAILS", right=True),
        TextColumn("STATE"),
        *([TextColumn("NOTE", shrinks=True)] if any(notes) else ()),
    )
    rows = [
        (
            *queue_cells(queue, snapshot.taken_at),
            numbers.rate(queue.enqueued_per_s),
            numbers.rate(queue.completed_per_s),
            numbers.share(queue.failure_rate),
            queue.problem
            or queue_state(
                queue.paused, snapshot.held_of(queue.name), snapshot.limited_of(queue.name)
            ),
            *([note] if any(notes) else ()),
        )
        for queue, note in zip(snapshot.queues, notes, strict=True)
    ]
    for _, lines in queue_lines(snapshot, columns, rows, terminal_width()):
        write_lines(lines)
    return 0
