"""How notes of operators are read: all at once, and only when they have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.reading import FORBIDDEN, NOT_A_HASH, NotesReply
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.query import Query, maybe, named, server_time
from asok_core.backends.redis.reading.round_trips import Queries
from asok_core.inspection.notes import (
    LARGEST_NOTE,
    MOST_NOTES,
    Notes,
    OperatorNote,
    note_of,
    notes_of,
    on_job,
)


class NoteMemory:
    """The notes as they were read last: a snapshot reads them again only where they differ."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._digest = b""
        self._fields: tuple[tuple[str, bytes], ...] = ()

    def query(self, queries: Queries) -> Query[NotesReply]:
        """The notes, without those that are known."""
        return queries.notes(self._digest)

    def note(self, found: NotesReply, now: float) -> Notes:
        """The notes at this time (epoch seconds); none, and a problem, where they cannot be read."""
        if problem := self._problem(found.number):
            self._digest, self._fields = b"", ()
            unread = Notes()
            unread.problem, unread.is_forbidden = problem, found.number == FORBIDDEN
            return unread
        if not found.digest or found.digest != self._digest:
            names = map(parsing.text, found.fields[::2])
            self._digest = found.digest
            self._fields = tuple(zip(names, found.fields[1::2], strict=True))
        return notes_of(self._fields, now)

    def _problem(self, number: int) -> str:
        key = self._keys.notes
        if number == FORBIDDEN:
            return f"this user has no right to the key {key}"
        if number == NOT_A_HASH:
            return f"the key {key} is not a hash"
        too_many = f"the key {key} has {number:,} fields; notes are {MOST_NOTES} at most"
        return too_many if number > MOST_NOTES else ""


def notes_now(queries: Queries, keys: Keys) -> Query[Notes]:
    """The notes at the time by Redis's clock."""

    def dated(found: NotesReply, now: float) -> Notes:
        return NoteMemory(keys).note(found, now)

    return named(dated, found=queries.notes(b""), now=server_time())


def note_on_job(queries: Queries, keys: Keys, job_id: str) -> Query[OperatorNote | None]:
    """The note on one job; None without one, and for a user who has no right to read it."""
    field = on_job(job_id).field
    commands, reply_of = maybe(
        *queries.clipped(LARGEST_NOTE, "HMGET", keys.notes, parsing.raw(field))
    )

    def read(replies: Sequence[Any]) -> OperatorNote | None:
        reply = reply_of(replies)
        return note_of(field, reply[0]) if reply and isinstance(reply[0], bytes) else None

    return Query(commands, read)
