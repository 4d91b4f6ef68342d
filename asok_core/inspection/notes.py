"""Notes of operators: a line of text on a job, a queue or an error group, with its author and time.

Redis has them in one hash, a field for each subject, so that a snapshot reads all of them at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Self

from asok_core.errors import Refused, UsageError
from asok_core.jobs.numbers import number

MOST_NOTES = 100
LONGEST_NOTE = 300
"""Characters."""
LONGEST_ERROR = 300
"""Characters of a normalised error."""
LARGEST_NOTE = 8_192
"""Bytes of a note as Redis has it that are read."""
NOTE_TTL = 30 * 86_400
"""Seconds for which a note on a job is kept after it was written. Nothing else says when a dead job,
whose record expires, is of no use any longer; notes on queues and error groups stay until removed."""
NOTED = "note"
"""What the audit calls writing or removing one."""
_LONGEST_AUTHOR = 300


class NoteKind(StrEnum):
    """What a note is on."""

    JOB = "job"
    QUEUE = "queue"
    ERROR = "error"


class NoteSubject(NamedTuple):
    """A job by its id, a queue by its name, or an error group by its normalised error.

    ``task`` is that of a job, where it is known: what has the same id and another task is another job.
    """

    kind: NoteKind
    name: str
    task: str = ""

    @property
    def field(self) -> str:
        """The field of the hash. Errors are compared as error groups are, without case."""
        name = self.name.casefold() if self.kind is NoteKind.ERROR else self.name
        return f"{self.kind}:{name}"

    @property
    def words(self) -> str:
        """``job 1f3a``, ``queue 'high'``, ``error group 'TimeoutError: N s'``."""
        if self.kind is NoteKind.JOB:
            return f"job {self.name}"
        return f"{'queue' if self.kind is NoteKind.QUEUE else 'error group'} '{self.name}'"


def on_job(job_id: str, task: str = "") -> NoteSubject:
    """A job as the subject of a note."""
    return NoteSubject(NoteKind.JOB, job_id, task)


def on_queue(name: str) -> NoteSubject:
    """A queue as the subject of a note."""
    return NoteSubject(NoteKind.QUEUE, name)


def on_error(error: str) -> NoteSubject:
    """An error group, by its normalised error, as the subject of a note."""
    return NoteSubject(NoteKind.ERROR, error)


class OperatorNote(NamedTuple):
    """A note. ``at`` (epoch seconds) is by Redis's clock; ``who`` is the operator, as in the audit."""

    subject: NoteSubject
    text: str
    who: str
    at: float | None


class Notes(dict[str, OperatorNote]):
    """All notes by their fields."""

    problem: str = ""
    """Why there are none although there may be: the key is of another type, or the user has no right."""
    is_forbidden: bool = False
    """Whether the user has no right to read them."""
    unread: int = 0
    """Fields that hold no note: another program wrote them."""
    taken_at: float = 0.0
    """When they were read, by Redis's clock."""

    def on(self, subject: NoteSubject) -> OperatorNote | None:
        """The note on this subject."""
        found = self.get(subject.field)
        return found if found is None or is_on(found, subject) else None

    def readable(self) -> Self:
        """The same. Raises Refused where they could not be read, which is not the same as none."""
        if self.problem:
            raise Refused(f"notes cannot be read: {self.problem}")
        return self

    def ordered(self) -> list[OperatorNote]:
        """All of them, the newest first."""
        return sorted(self.values(), key=lambda each: (-(each.at or 0.0), each.subject.field))


def is_on(note: OperatorNote, subject: NoteSubject) -> bool:
    """Whether a note with the field of the subject is on it: not on another job with the same id."""
    return not (note.subject.task and subject.task) or note.subject.task == subject.task


def notes_of(fields: Iterable[tuple[str, bytes]], now: float) -> Notes:
    """The notes of the hash at this time (epoch seconds)."""
    notes = Notes()
    notes.taken_at = now
    for field, value in fields:
        note = note_of(field, value)
        if note is None:
            notes.unread += 1
        elif not is_over(note, now):
            notes[field] = note
    return notes


def note_of(field: str, value: bytes) -> OperatorNote | None:
    """The note in a field of the hash; None where there is none that can be read."""
    kind, _, name = field.partition(":")
    known = decoded(value)
    if known is None or not name or kind not in list(NoteKind):
        return None
    text, about = text_in(known, "text", LONGEST_NOTE), text_in(known, "about", LARGEST_NOTE)
    if not text:
        return None
    if kind == NoteKind.ERROR:
        # The field is without case; what was written shows it as the group does.
        name = about if about.casefold() == name else name
    subject = NoteSubject(NoteKind(kind), name, about if kind == NoteKind.JOB else "")
    return OperatorNote(
        subject, text, text_in(known, "who", _LONGEST_AUTHOR), number(known.get("at"))
    )


def is_over(note: OperatorNote, now: float) -> bool:
    """Whether the time of a note on a job has passed."""
    return note.subject.kind is NoteKind.JOB and (note.at is None or note.at < now - NOTE_TTL)


def cleaned(text: str) -> str:
    """The text of a note as it is kept: on one line. Raises UsageError for one that is too long."""
    return one_line(text, LONGEST_NOTE, "note")


def one_line(text: str, most: int, noun: str) -> str:
    """What an operator writes, on one line. Raises UsageError for more than ``most`` characters."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    if len(line) > most:
        raise UsageError(f"the {noun} has {len(line):,} characters; at most {most} are kept")
    return line


def decoded(value: bytes) -> Mapping[str, object] | None:
    """The fields of a JSON object; None for anything else."""
    try:
        known = json.loads(value.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) else None


def text_in(known: Mapping[str, object], name: str, most: int) -> str:
    """The text of a field, cut to ``most`` characters; '' where it is not a text."""
    value = known.get(name)
    return value[:most] if isinstance(value, str) else ""


def audit_words(subject: NoteSubject) -> str:
    """The subject as the audit has it: ``job:1f3a``."""
    return f"{subject.kind}:{subject.name}"


def noted_in(words: str) -> str:
    """The same as a person reads it; what is not of this form as it is."""
    kind, _, name = words.partition(":")
    return NoteSubject(NoteKind(kind), name).words if name and kind in list(NoteKind) else words
