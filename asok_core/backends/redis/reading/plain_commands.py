"""The queries of ``queries.py`` by plain commands, for a user who may not run scripts.

The same answers at a higher cost: an item of megabytes is read whole, and what workers hold takes another
round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.bounded_records import WHOLE
from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.reading import FORBIDDEN, NOT_A_HASH, NotesReply
from asok_core.backends.redis.constants import MOST_LISTS
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.queries import (
    AS_SHOWN,
    SAMPLED,
    ActiveList,
    ActiveLists,
    FoundElement,
    ListWindow,
    Order,
    QueueState,
    WindowOptions,
    WorkerState,
)
from asok_core.backends.redis.reading.query import Command, Query, by_key, named, required
from asok_core.backends.redis.search_position import SearchPosition
from asok_core.inspection.partial_payload import ListElement
from asok_core.inspection.queues import Bucket
from asok_core.inspection.rows import digest
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import score

MOST_UNREADABLE = 10
"""Unreadable active lists of a worker that are named, as in ``read_worker.lua``."""


class PlainQueries:
    """The queries by plain commands that only read."""

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
        """As ScriptQueries.window; here every item is whole."""
        name = parsing.raw(key)
        size: Command = ("ZCARD" if order == "score" else "LLEN", name)

        def read(replies: Sequence[Any]) -> ListWindow:
            if wrong_type(replies[0]):
                return ListWindow(None)
            total, found = required(replies[0]), _items(required(replies[1]), order)
            return ListWindow(total, len(found), tuple(found))

        return Query((size, _range(name, order, start, count, options.least)), read)

    def queue(self, name: str, first: int, last: int, known: bytes = b"") -> Query[QueueState]:
        """As ScriptQueries.queue; here the sample is always sent."""
        del known
        key = parsing.raw(self._keys.queue(name))
        commands, read_parts = named(
            _QueueParts,
            length=Query((("LLEN", key),), lambda replies: replies[0]),
            sample=Query(tuple(("LINDEX", key, index) for index in SAMPLED), list),
            buckets=self.history(name, 10, first, last),
        )

        def read(replies: Sequence[Any]) -> QueueState:
            length, sample, buckets = read_parts(replies)
            if wrong_type(length):
                return QueueState(None, (), tuple(buckets))
            jobs = [job for job in map(required, sample) if job is not None]
            items = tuple(ListElement(len(job), job) for job in jobs)
            return QueueState(required(length), items, tuple(buckets))

        return Query(commands, read)

    def history(self, name: str, width: int, first: int, last: int) -> Query[list[Bucket]]:
        """As ScriptQueries.history."""
        key = self._keys.fine if width == 10 else self._keys.coarse
        starts = range(first, last + 1, width)

        def read(replies: Sequence[Any]) -> list[Bucket]:
            return [
                Bucket(start, width, readable=False)
                if wrong_type(reply)
                else parsing.bucket(start, width, reply)
                for start, reply in zip(starts, replies, strict=True)
                if wrong_type(reply) or (isinstance(reply, list) and reply)
            ]

        return Query(tuple(("HGETALL", parsing.raw(key(name, start))) for start in starts), read)

    def worker(self, worker_id: str, most: int) -> Query[WorkerState]:
        """As ScriptQueries.worker, without its active lists: ``active`` reads those."""
        del most
        key = parsing.raw(self._keys.worker(worker_id))

        def read(replies: Sequence[Any]) -> WorkerState:
            if wrong_type(replies[0]):
                return WorkerState(None)
            values = required(replies[0])
            return WorkerState(dict(zip(parsing.WORKER_FIELDS, values, strict=True)))

        return Query((("HMGET", key, *parsing.WORKER_FIELDS),), read)

    def active(self, worker_id: str, reading: WorkerState, most: int) -> Query[ActiveLists]:
        """The active lists of a worker, by the fields that ``worker`` has read."""
        worker = parsing.worker(worker_id, None, reading.fields or {})
        lists = [
            (f"{worker_id}.{n}", queue)
            for queue in worker.queues + worker.former_queues
            for n in worker.process_numbers
        ][:MOST_LISTS]
        commands, read_each = by_key({each: self._active_list(*each, most) for each in lists})

        def read(replies: Sequence[Any]) -> ActiveLists:
            found = [each for each in read_each(replies).values() if each is not None]
            unreadable = [each for each in found if isinstance(each, str)]
            active = tuple(each for each in found if isinstance(each, ActiveList))
            return ActiveLists(active, tuple(unreadable[:MOST_UNREADABLE]))

        return Query(commands, read)

    def _active_list(self, process: str, queue: str, most: int) -> Query[ActiveList | str | None]:
        """An active list; its key where that is of another type, and None where it holds nothing."""
        name = self._keys.active(process, queue)
        key = parsing.raw(name)

        def read(replies: Sequence[Any]) -> ActiveList | str | None:
            length, parts = replies
            if wrong_type(length):
                return name
            if not isinstance(length, int) or not length or not isinstance(parts, list):
                return None
            items = tuple(ListElement(len(each), each) for each in parts[:most])
            return ActiveList(process, queue, length, items)

        # An index of -1 would be the last: where none are named, one is asked for and dropped.
        return Query((("LLEN", key), ("LRANGE", key, 0, max(most - 1, 0))), read)

    def records(
        self, ids: Sequence[str], fields: Sequence[str] = record_replies.RECORD_FIELDS
    ) -> Query[dict[str, JobRecord]]:
        """As ScriptQueries.records."""
        commands, read = by_key({each: self._record(each, fields) for each in ids})
        return Query(
            commands,
            lambda replies: {each: found for each, found in read(replies).items() if found},
        )

    def _record(self, job_id: str, fields: Sequence[str]) -> Query[JobRecord | None]:
        key = parsing.raw(self._keys.job(job_id))

        def read(replies: Sequence[Any]) -> JobRecord | None:
            values, text, ttl = replies
            return record_replies.record(job_id, _as_the_script_replies(values, text, ttl), fields)

        return Query((("HMGET", key, *fields), ("GET", key), ("TTL", key)), read)

    def notes(self, known: bytes) -> Query[NotesReply]:
        """As ScriptQueries.notes; here all are always sent."""
        del known

        def read(replies: Sequence[Any]) -> NotesReply:
            (found,) = replies
            if isinstance(found, redis.RedisError):
                return NotesReply(NOT_A_HASH if wrong_type(found) else FORBIDDEN, b"", [])
            return NotesReply(len(found) // 2, b"", found)

        return Query((("HGETALL", self._keys.notes),), read)

    def clipped(self, most: int, *command: Arg) -> Command:
        """As ScriptQueries.clipped; here nothing is cut."""
        del most
        return command

    def find(
        self, key: str, order: Order, at: SearchPosition, count: int, words: str
    ) -> Query[FoundElement]:
        """As ScriptQueries.find."""
        name, text = parsing.raw(key), parsing.raw(words)
        expected, anchor = at.start, at.anchor
        begin = max(0, expected - at.back) if anchor else expected

        def read(replies: Sequence[Any]) -> FoundElement:
            if wrong_type(replies[0]):
                return FoundElement(0)
            items = _items(required(replies[0]), order)
            passed = _passed(items, anchor, expected - begin)
            if passed is None:
                return FoundElement(0, start=-1)
            start, found = begin + passed, items[passed:]
            for index, item in enumerate(found):
                if text in item.text:
                    location = start + index
                    return FoundElement(
                        index + 1, location, item.text, item.score, start, _name_of(item.text)
                    )
            last = _name_of(found[-1].text) if found else anchor
            return FoundElement(len(found), start=start, last=last)

        return Query((_range(name, order, begin, expected - begin + count, ""),), read)


def _name_of(item: bytes) -> bytes:
    return digest(item).encode()


def _passed(items: Sequence[ListElement], anchor: bytes, expected: int) -> int | None:
    """How many of the items were passed, as in ``find.lua``; None: the last of them is not there."""
    if not anchor:
        return 0
    names = [_name_of(item.text) for item in items]
    if 0 < expected <= len(names) and names[expected - 1] == anchor:
        return expected
    return names.index(anchor) + 1 if anchor in names else None


class _QueueParts(NamedTuple):
    length: Any
    sample: list[Any]
    buckets: list[Bucket]


def _as_the_script_replies(values: Any, text: Any, ttl: Any) -> list[Any] | None:
    """The reply of ``read_records.lua`` for a record: of ``values``, or a string; None: there is none."""
    if isinstance(text, bytes):
        return [b"string", ttl, _bounded(text)]
    if wrong_type(values) and wrong_type(text):
        return [b"other", ttl, []]
    if not isinstance(values, list) or all(each is None for each in values):
        return None
    return [b"hash", ttl, [part for each in values for part in _bounded(each)]]


def _bounded(value: bytes | None) -> list[Any]:
    """A value as ``bounded.lua`` gives it: size and bytes, or the two ends of a large one."""
    if value is None:
        return [-1, b"", b""]
    if len(value) <= WHOLE:
        return [len(value), value, b""]
    return [len(value), value[: WHOLE // 8], value[-WHOLE // 4 :]]


def _range(key: bytes, order: Order, start: int, count: int, least: str) -> Command:
    last = start + count - 1
    if order == "left":
        return ("LRANGE", key, start, last)
    if order == "right":
        return ("LRANGE", key, -last - 1, -start - 1)
    if least:
        ends: tuple[Arg, ...] = (least, "+inf", "WITHSCORES", "LIMIT", start, count)
        return ("ZRANGEBYSCORE", key, *ends)
    return ("ZRANGE", key, start, last, "WITHSCORES")


def _items(reply: Sequence[Any], order: Order) -> list[ListElement]:
    if order == "score":
        return [
            ListElement(len(each), each, score=score(at))
            for each, at in zip(reply[::2], reply[1::2], strict=True)
        ]
    found = [ListElement(len(each), each) for each in reply]
    return found[::-1] if order == "right" else found
