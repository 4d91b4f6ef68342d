"""Calls of readers. They write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from asok_core.backends.redis.calls.call import (
    Arg,
    Key,
    KeyList,
    NamespacedCall,
    ScriptCall,
    script_call,
)
from asok_core.backends.redis.search_position import SearchPosition


@script_call
class Clipped(ScriptCall[Any]):
    """Run a command that reads, and cut each text of its reply to ``most`` bytes."""

    most: int
    words: Sequence[Arg]


class FindReply(NamedTuple):
    """``looked`` is how many were looked at; fewer than asked for at the end, or at a limit of bytes."""

    start: int
    """Where it began: after the anchor, or -1 where that was not found."""
    looked: int
    position: int
    """From the end of ``start``, or -1."""
    item: bytes
    score: bytes
    last: bytes
    """What names the last element that was looked at."""
    at_once: int
    """How many elements of this size one command of the next call may read."""


@script_call
class Find(ScriptCall[FindReply]):
    """Look for a text in ``count`` elements from ``start``; see ``ReadWindow`` for ``order``.

    Or after the element that ``anchor`` names, which is looked for from ``back`` elements before ``start``
    on; '': from ``start``, whatever is there.
    """

    elements: Key
    order: str
    start: int
    count: int
    back: int
    anchor: bytes
    at_once: int
    text: str | bytes

    @classmethod
    def after(
        cls, at: SearchPosition, elements: str | bytes, order: str, count: int, text: str | bytes
    ) -> Find:
        """The call that continues a search."""
        return cls(
            elements=elements,
            order=order,
            start=at.start,
            count=count,
            back=at.back,
            anchor=at.anchor,
            at_once=at.at_once,
            text=text,
        )


@script_call
class ReadHistory(NamespacedCall[list[Any]]):
    """Buckets of a queue from ``first`` to ``last``: start, [field, value, ...], ...

    ``fine``: those of FINE seconds, else those of COARSE seconds.
    """

    queue: str | bytes
    fine: bool
    first: int
    last: int


NOT_A_HASH, FORBIDDEN = -1, -2
"""In place of the number of notes: the key is of another type, or the user has no right to it."""


class NotesReply(NamedTuple):
    """``number`` of fields, or NOT_A_HASH or FORBIDDEN; field, value, ... unless too many or known."""

    number: int
    digest: bytes
    fields: list[bytes]


@script_call
class ReadNotes(NamespacedCall[NotesReply]):
    """All notes of operators. No note is sent where their digest is ``known``."""

    known: bytes


class QueueReply(NamedTuple):
    """How a queue is. ``length`` is -1 where its key is not a list."""

    length: int
    digest: bytes
    """Of the jobs; '' where one has more than ``whole`` bytes."""
    sample: list[Any]
    """Of each job: size, text, rest, SHA-1 (``outline.lua``)."""
    buckets: list[Any]


@script_call
class ReadQueue(NamespacedCall[QueueReply]):
    """The length of a queue, its jobs at ``indexes``, and its fine buckets from ``first`` to ``last``.

    No job is sent where the digest is ``known``.
    """

    elements: Key
    queue: str | bytes
    whole: int
    first: int
    last: int
    known: bytes
    indexes: Sequence[int]


@script_call
class ReadRecords(ScriptCall[list[Any]]):
    """Fields of records, of values above ``whole`` bytes the two ends.

    Per record ``hash``, TTL, [size, head, tail, ...] in the order of the fields (size -1: no such field);
    ``string``, TTL, [size, head, tail]; ``other``, TTL, [] of a key of another type; or ``none``.
    """

    records: KeyList
    whole: int
    fields: Sequence[str]


@script_call
class ReadWindow(ScriptCall[list[Any]]):
    """``count`` elements from ``start``: total, taken, size, text, rest, SHA-1, ... (``outline.lua``).

    ``order`` is ``left``, ``right``, or ``score`` for a sorted set, which puts the score before each size.
    ``least`` is the lowest score, or ''. Above ``whole`` bytes an element is an outline; ``sums``: with
    its SHA-1. Where ``taken`` is below ``count`` though there are more, the bytes reached their limit.
    ``at_once``: elements of the first command, 1 where they may be large.
    """

    elements: Key
    order: str
    start: int
    count: int
    at_once: int
    whole: int
    least: float | str
    sums: bool


class WorkerReply(NamedTuple):
    """The values of the fields, and what the processes hold."""

    values: list[bytes | None]
    held: list[Any]
    """Process, queue, length, elements (``outline.lua``), ..."""
    unreadable: list[bytes]
    """Keys of another type: that of the hash, and some of active lists."""


@script_call
class ReadWorker(NamespacedCall[WorkerReply]):
    """Fields of a worker's hash, and up to ``most`` elements of each of its active lists."""

    worker: str | bytes
    whole: int
    most: int
    fields: Sequence[str]
