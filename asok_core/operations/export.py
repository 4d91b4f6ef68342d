"""Dead jobs as JSON Lines: byte for byte in a file of their own, from which they are imported."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, TextIO

from asok_core.backends.roles import OperationResult, Progress, Reader, Scope, Watch
from asok_core.clock import iso
from asok_core.inspection.error_groups import error_group_of
from asok_core.inspection.notes import NoteKind, Notes, OperatorNote, on_error, on_job
from asok_core.inspection.redaction import shown_raw
from asok_core.inspection.rows import Row
from asok_core.inspection.tracebacks import last_line
from asok_core.operations.preview import rows_in
from asok_core.runtime.whole_file import new_file
from asok_core.settings.secret_names import MASK

REDACTED = "redacted"
"""Key of a line that stands for a job with something hidden."""


_NOT_FOR_IMPORT = "written with hidden values, not for import"


def export_dead_jobs(reader: Reader, scope: Scope, path: Path, watch: Watch) -> OperationResult:
    """Write what is in scope to a new file, oldest first. Redis is not changed.

    A file that was stopped half way is not kept. Raises what ``new_file`` raises.
    """
    try:
        with new_file(path) as stream:
            return _write(stream, reader, scope, watch)
    except _StoppedError:
        return OperationResult("export", cancelled=True)


def export_result(written: int, redacted: int, notes: Notes) -> OperationResult:
    """The result of an export of ``written`` jobs, ``redacted`` of them with hidden values."""
    skipped = {_NOT_FOR_IMPORT: redacted} if redacted else {}
    lacks = f"notes: {notes.problem}" if written and notes.problem else ""
    return OperationResult("export", written - redacted, skipped, lacks=lacks)


def _write(stream: TextIO, reader: Reader, scope: Scope, watch: Watch) -> OperationResult:
    stopped = False

    def watched(progress: Progress) -> bool:
        nonlocal stopped
        stopped = not watch(progress)
        return not stopped

    written = redacted = 0
    notes = reader.notes()
    for written, row in enumerate(rows_in(reader, scope, watched), 1):  # noqa: B007 - the count is the result
        stream.write(line_of(row, notes) + "\n")
        redacted += row.payload.redacted
    if stopped:
        raise _StoppedError
    return export_result(written, redacted, notes)


def notes_on(row: Row, notes: Notes) -> dict[str, OperatorNote]:
    """The notes on a dead job and on its error, by their names in an export.

    With the mask where values of the job are hidden: a note may quote them.
    """
    job = row.payload.job
    subjects = {"note": on_job(row.payload.id, job.task if job else "")}
    if any(each.subject.kind is NoteKind.ERROR for each in notes.values()):
        subjects["error_note"] = on_error(error_group_of(row))
    found = {name: notes.on(subject) for name, subject in subjects.items()}
    hidden = row.payload.redacted
    return {
        name: note._replace(text=MASK) if hidden else note
        for name, note in found.items()
        if note is not None
    }


def line_of(row: Row, notes: Notes) -> str:
    """One line: the dead job byte for byte, a digest of it, and what a person reads. Import needs no more.

    Of a job with something hidden it has what may be shown in place of these bytes, and is not for import.
    """
    job, raw = row.payload.job, row.payload.raw
    document: dict[str, Any] = {
        "id": row.payload.id or None,
        "task": job.task if job else None,
        "queue": row.queue or None,
        "failed_at": iso(row.payload.failed_at),
        "error": last_line(row.payload.error or row.payload.problem) or None,
    }
    for name, note in notes_on(row, notes).items():
        document[name] = {"text": note.text, "by": note.who, "at": iso(note.at)}
    if row.payload.redacted:
        return json.dumps(document | {REDACTED: shown_raw(row.payload)})
    try:
        document["letter"] = raw.decode()
    except UnicodeDecodeError:
        document["letter64"] = base64.b64encode(raw).decode()
    document["sha256"] = hashlib.sha256(raw).hexdigest()
    return json.dumps(document)


class _StoppedError(Exception):
    pass
