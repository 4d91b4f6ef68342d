"""Notes of operators in views: the plan to write one, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asok_console.presentation.notes import note_author, note_line
from asok_console.presentation.text import safe
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.job_columns import job_id, known_task, names_a_job
from asok_core.backends.roles import Scope
from asok_core.inspection.notes import NoteKind, NoteSubject, OperatorNote, on_job
from asok_core.inspection.rows import Row
from asok_core.operations.catalog.notes import EditNote

WIDEST_SUBJECT = 100
"""Characters of what a note is on in a sentence."""


def job_of(row: Row) -> NoteSubject | None:
    """The job of a row as the subject of a note; None where it has no id."""
    return on_job(job_id(row), known_task(row)) if names_a_job(row) else None


def note_on(console: Host, subject: NoteSubject | None) -> OperatorNote | None:
    """The note on something, as far as the snapshot shows it."""
    snapshot = console.snapshot
    return snapshot.notes.on(subject) if snapshot is not None and subject is not None else None


def note_sentence(console: Host, subject: NoteSubject | None) -> str:
    """The whole note with its subject, author and age, before another sentence; '' without a note."""
    note = note_on(console, subject)
    if subject is None or note is None:
        return ""
    words = safe(subject.words, WIDEST_SUBJECT)
    return f"{words[:1].upper()}{words[1:]}: {note_line(note, console.now)}. "


def with_marks(console: Host, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows, each with whether there is a note on its job."""
    notes = console.snapshot.notes.values() if console.snapshot is not None else ()
    # A search may have found thousands, of which few have one.
    ids = {each.subject.name for each in notes if each.subject.kind is NoteKind.JOB}
    noted = [job_id(row) in ids and note_on(console, job_of(row)) is not None for row in rows]
    return [
        row if row.noted is now else replace(row, noted=now)
        for row, now in zip(rows, noted, strict=True)
    ]


def plan_for_note(console: Host, subject: NoteSubject | None) -> OperationPlan | None:
    """A plan to write, change or remove the note on something."""
    if subject is None:
        return None
    note = note_on(console, subject)
    written = () if note is None else (f"written by {note_author(note, console.now)}",)
    operation = EditNote(subject, note.text if note is not None else "")
    return OperationPlan(operation, Scope(operation.location), None, written)
