"""Notes of operators: written and removed by one script, with their entry in the audit."""

from __future__ import annotations

from dataclasses import replace

from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.calls.operations import WriteNote
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import NOTES_FULL
from asok_core.backends.redis.keys import LONGEST_NAME
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.roles import OperationResult
from asok_core.errors import UsageError
from asok_core.inspection.notes import LONGEST_ERROR, NOTED, NoteKind, NoteSubject, cleaned

NO_NOTE = "it has no note"


def write_note(
    connection: Connection, operation: Operation, subject: NoteSubject, text: str
) -> OperationResult:
    """Write or replace the note on ``subject``; without a text remove it. Raises UsageError."""
    name = name_bytes(subject.name)
    is_error = subject.kind is NoteKind.ERROR
    if not name or (len(subject.name) > LONGEST_ERROR if is_error else len(name) > LONGEST_NAME):
        most = f"{LONGEST_ERROR} characters" if is_error else f"{LONGEST_NAME:,} bytes"
        raise UsageError(f"what a note is on has a name of at most {most}, and not an empty one")
    line = cleaned(text)
    operation = replace(operation, note=line)
    reply = connection.run(
        WriteNote(
            **operation.arguments(),
            subject=name_bytes(subject.field),
            text=line,
            shown=name if is_error else name_bytes(subject.task),
        )
    )
    if reply == 1:
        return OperationResult(NOTED, 1, operation=operation.id)
    if reply == 0:
        return OperationResult(NOTED, 0, {NO_NOTE: 1}, operation=operation.id)
    return OperationResult(NOTED, 0, refused={NOTES_FULL: 1}, operation=operation.id)
