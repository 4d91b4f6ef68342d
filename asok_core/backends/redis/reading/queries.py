"""The queries of a reader, by small scripts: no plain command gives an item without all of its megabytes.

``plain_commands.py`` has the same queries for a user who may not run scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.bounded_records import WHOLE, parsed_records
from asok_core.backends.redis.calls.call import Arg, ScriptCall
from asok_core.backends.redis.calls.reading import (
    Clipped,
    Find,
    FindReply,
    NotesReply,
    QueueReply,
    ReadHistory,
    ReadNotes,
    ReadQueue,
    ReadRecords,
    ReadWindow,
    ReadWorker,
    WorkerReply,
)
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import FINE, Keys
from asok_core.backends.redis.reading.query import Command, Query, known, required
from asok_core.backends.redis.search_position import SearchPosition
from asok_core.inspection.partial_payload import ListElement
from asok_core.inspection.queues import Bucket
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import number

Order = Literal["left", "right", "score"]
"""Which end a window counts from; ``score`` is a sorted set from its lowest."""

UNBOUNDED = 1 << 30
"""Bytes up to which an element is read uncut in a search in arguments (``WHOLE`` on a page)."""
BRIEF = 4_096
"""The same for a snapshot, which needs little more than ids and times."""
MOST_ACTIVE = 64
"""Jobs of one active list that a snapshot names."""
RECORDS = 100
"""Records that one call of a script reads."""


class ListWindow(NamedTuple):
    """Items from one end of a list. ``total`` is None where the key is of another type."""

    total: int | None
    taken: int = 0
    items: tuple[ListElement, ...] = ()


class WindowOptions(NamedTuple):
    """How the items of a window are read."""

    at_once: int = 1
    """Items of the first command, more than one where none is large."""
    whole: int = WHOLE
    """Bytes up to which an item is not reduced to its outline."""
    least: str = ""
    """The lowest score."""
    sums: bool = False
    """Whether with the SHA-1 of each item that is reduced."""


AS_SHOWN = WindowOptions()
"""As a page shows them."""


class QueueState(NamedTuple):
    """The state of a queue. ``length`` is None where its key is not a list.

    ``sample`` are the jobs at ``SAMPLED``; None where they are those that have the ``digest``.
    """

    length: int | None
    sample: tuple[ListElement, ...] | None = ()
    buckets: tuple[Bucket, ...] = ()
    digest: bytes = b""


class ActiveList(NamedTuple):
    """An active list that is not empty."""

    process: str
    queue: str
    length: int
    items: tuple[ListElement, ...] = ()


class ActiveLists(NamedTuple):
    """The active lists of a worker that are not empty, and the keys of those that are not lists."""

    lists: tuple[ActiveList, ...] = ()
    unreadable: tuple[str, ...] = ()


class WorkerState(NamedTuple):
    """The fields of a worker's hash (None for a key of another type), and its active lists."""

    fields: dict[str, Any] | None
    active: ActiveLists = ActiveLists()


class FoundElement(NamedTuple):
    """Where a search in a list came to. ``location`` is None when it has not met the text.

    ``start``, ``last`` and ``at_once`` are what ``SearchPosition`` continues by.
    """

    looked: int
    location: int | None = None
    item: bytes = b""
    score: float | None = None
    start: int = 0
    last: bytes = b""
    at_once: int = 0


SAMPLED = (-1, -4, -16, -64, -256, -1024)
"""Where the oldest job of a queue is looked for: operators move younger ones to the front."""

READING_CALLS: tuple[type[ScriptCall[Any]], ...] = (
    ReadWindow,
    ReadQueue,
    ReadHistory,
    ReadNotes,
    ReadWorker,
    ReadRecords,
    Find,
    Clipped,
)


class ScriptQueries:
    """The questions, asked by the reading scripts in ``lua/``."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def window(
        self,
        key: str,
        order: Order,
        start: int,
        count: int,
        options: WindowOptions = AS_SHOWN,
    ) -> Query[ListWindow]:
        """Items from ``start`` on; fewer than ``count`` where they are large (see ``taken``)."""

        def read(replies: Sequence[Any]) -> ListWindow:
            if wrong_type(replies[0]):
                return ListWindow(None)
            total, taken, *parts = required(replies[0])
            found = parsing.items(parts, scored=order == "score")
            return ListWindow(total, taken, tuple(found))

        call = ReadWindow(
            elements=parsing.raw(key),
            order=order,
            start=start,
            count=count,
            **options._asdict(),
        )
        return Query((call.command(),), read)

    def queue(self, name: str, first: int, last: int, known: bytes = b"") -> Query[QueueState]:
        """A queue, with its ten second buckets that start from ``first`` to ``last``.

        ``known``: the digest of the sample that the caller has, which is not sent again.
        """

        def read(replies: Sequence[Any]) -> QueueState:
            length, digest, sample, buckets = QueueReply(*required(replies[0]))
            return QueueState(
                None if length < 0 else length,
                None if digest and digest == known else tuple(parsing.items(sample)),
                tuple(parsing.buckets(buckets, FINE)),
                digest,
            )

        call = ReadQueue(
            ns=self._keys.namespace,
            elements=parsing.raw(self._keys.queue(name)),
            queue=parsing.raw(name),
            whole=BRIEF,
            first=first,
            last=last,
            known=known,
            indexes=SAMPLED,
        )
        return Query((call.command(),), read)

    def history(self, name: str, width: int, first: int, last: int) -> Query[list[Bucket]]:
        """The buckets of ``width`` seconds from ``first`` to ``last`` that hold anything."""
        call = ReadHistory(
            ns=self._keys.namespace,
            queue=parsing.raw(name),
            fine=width == FINE,
            first=first,
            last=last,
        )
        return Query(
            (call.command(),), lambda replies: parsing.buckets(required(replies[0]), width)
        )

    def worker(self, worker_id: str, most: int) -> Query[WorkerState]:
        """A worker and its active lists, with up to ``most`` jobs of each active list."""

        def read(replies: Sequence[Any]) -> WorkerState:
            values, parts, keys = WorkerReply(*required(replies[0]))
            unreadable = [parsing.text(key) for key in keys]
            lists = zip(*(parts[at::4] for at in range(4)), strict=False)
            active = tuple(
                ActiveList(
                    parsing.text(process), parsing.text(queue), length, tuple(parsing.items(items))
                )
                for process, queue, length, items in lists
            )
            fields = dict(zip(parsing.WORKER_FIELDS, values, strict=False))
            own = self._keys.worker(worker_id)
            return WorkerState(
                None if own in unreadable else fields,
                ActiveLists(active, tuple(key for key in unreadable if key != own)),
            )

        call = ReadWorker(
            ns=self._keys.namespace,
            worker=parsing.raw(worker_id),
            whole=BRIEF,
            most=most,
            fields=parsing.WORKER_FIELDS,
        )
        return Query((call.command(),), read)

    def active(self, worker_id: str, reading: WorkerState, most: int) -> Query[ActiveLists]:
        """The active lists of a worker, which ``worker`` has read already."""
        del worker_id, most
        return known(reading.active)

    def records(
        self, ids: Sequence[str], fields: Sequence[str] = record_replies.RECORD_FIELDS
    ) -> Query[dict[str, JobRecord]]:
        """The records of any number of jobs by id; those without one are left out."""
        unique = list(dict.fromkeys(ids))
        batches = [unique[at : at + RECORDS] for at in range(0, len(unique), RECORDS)]

        def call(batch: Sequence[str]) -> Command:
            keys = [parsing.raw(self._keys.job(each)) for each in batch]
            return ReadRecords(records=keys, whole=WHOLE, fields=fields).command()

        def read(replies: Sequence[Any]) -> dict[str, JobRecord]:
            found: dict[str, JobRecord] = {}
            for batch, reply in zip(batches, replies, strict=True):
                found |= parsed_records(batch, required(reply), fields)
            return found

        return Query(tuple(map(call, batches)), read)

    def notes(self, known: bytes) -> Query[NotesReply]:
        """The notes of operators, without those that have the ``known`` digest."""
        call = ReadNotes(ns=self._keys.namespace, known=known).command()
        return Query((call,), lambda replies: NotesReply(*required(replies[0])))

    def clipped(self, most: int, *command: Arg) -> Command:
        """A plain reading command of whose reply each text has at most ``most`` bytes."""
        return Clipped(most=most, words=command).command()

    def find(
        self, key: str, order: Order, at: SearchPosition, count: int, words: str
    ) -> Query[FoundElement]:
        """The first item after ``at`` that holds ``words``, out of ``count``."""

        def read(replies: Sequence[Any]) -> FoundElement:
            if wrong_type(replies[0]):
                return FoundElement(0)
            found = FindReply(*required(replies[0]))
            location, due = (
                (None, None) if found.position < 0 else (found.position, number(found.score))
            )
            return FoundElement(
                found.looked, location, found.item, due, found.start, found.last, found.at_once
            )

        call = Find.after(at, parsing.raw(key), order, count, parsing.raw(words))
        return Query((call.command(),), read)


def load_commands() -> list[Command]:
    """The commands that make the reading scripts known to a server."""
    return [("SCRIPT", "LOAD", each.script().text) for each in READING_CALLS]
