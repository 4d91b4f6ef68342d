"""Questions to Redis: each says which commands it sends and how it reads their replies.

A round trip carries any number of them. They run as small reading scripts, because no plain command
gives a list's item without all of its megabytes; ``plain.py`` has the same questions for a user who
may not run scripts. The small values are NamedTuples: a frozen dataclass takes ten times as long to
make, and a status command is over in the time of a few dozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import redis

from asok_core.backends.redis import parsing
from asok_core.backends.redis.bounded_records import WHOLE, parsed_records
from asok_core.backends.redis.connection import Arg
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import Script, script
from asok_core.inspection.partial_payload import Item
from asok_core.inspection.snapshot import Bucket
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import number

T = TypeVar("T")
Command = tuple[Arg, ...]
Order = Literal["left", "right", "score"]
"""Which end a window counts from; ``score`` is a sorted set from its lowest."""

UNBOUNDED = 1 << 30
"""Bytes up to which an element is read uncut in a search in arguments (``WHOLE`` on a page)."""
BRIEF = 4_096
"""The same for a snapshot, which wants little more than ids and times."""
HELD = 64
"""Jobs of one active list that a snapshot names."""


class Query(NamedTuple, Generic[T]):
    """One question. ``read`` gets as many replies as there are commands; errors are among them."""

    commands: tuple[Command, ...]
    read: Callable[[Sequence[Any]], T]


class Window(NamedTuple):
    """Items from one end of a list. ``total`` is None where the key is of another type."""

    total: int | None
    taken: int = 0
    items: tuple[Item, ...] = ()


class QueueReading(NamedTuple):
    """How a queue stands. ``length`` is None where its key is not a list.

    ``sample`` are the jobs at ``SAMPLED``.
    """

    length: int | None
    sample: tuple[Item, ...] = ()
    buckets: tuple[Bucket, ...] = ()


class ActiveList(NamedTuple):
    """An active list that holds something."""

    process: str
    queue: str
    length: int
    items: tuple[Item, ...] = ()


class WorkerReading(NamedTuple):
    """The fields of a worker's hash, and what its processes hold."""

    fields: dict[str, Any]
    held: tuple[ActiveList, ...] = ()


class Found(NamedTuple):
    """Where a search in a list came to. ``location`` is None when it has not met the text."""

    looked: int
    location: int | None = None
    item: bytes = b""
    score: float | None = None


SAMPLED = (-1, -4, -16, -64, -256, -1024)
"""Where the oldest job of a queue is looked for: operators move younger ones to the front."""

READING_SCRIPTS = ("window", "queue", "history", "worker", "records", "find", "clipped")


def one(*command: Arg) -> Query[Any]:
    """A plain command whose reply is wanted as it is; one that is refused is an error."""
    return Query((command,), lambda replies: required(replies[0]))


def maybe(*command: Arg) -> Query[Any]:
    """A plain command that a user may be forbidden: None then, and for a key of another type."""
    return Query((command,), lambda replies: _unless_error(replies[0]))


def required(reply: Any) -> Any:
    """The reply, unless it is an error: that is raised."""
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _unless_error(reply: Any) -> Any:
    return None if isinstance(reply, redis.RedisError) else reply


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
        *,
        whole: int = WHOLE,
        least: str = "",
        sums: bool = False,
    ) -> Query[Window]:
        """Items from ``start`` on; fewer than ``count`` where they are large (see ``taken``).

        ``whole``: bytes up to which an item is not reduced to its outline; ``sums``: with the SHA-1
        of each that is.
        """

        def read(replies: Sequence[Any]) -> Window:
            if wrong_type(replies[0]):
                return Window(None)
            total, taken, *parts = required(replies[0])
            found = parsing.items(parts, scored=order == "score")
            return Window(total, taken, tuple(found))

        called = _call("window", [parsing.raw(key)], [order, start, count, whole, least, int(sums)])
        return Query((called,), read)

    def queue(self, name: str, first: int, last: int) -> Query[QueueReading]:
        """A queue, with its ten second buckets that start from ``first`` to ``last``."""

        def read(replies: Sequence[Any]) -> QueueReading:
            length, sample, buckets = required(replies[0])
            return QueueReading(
                None if length < 0 else length,
                tuple(parsing.items(sample)),
                tuple(parsing.buckets(buckets, 10)),
            )

        key = parsing.raw(self._keys.queue(name))
        args: list[Arg] = [self._keys.namespace, parsing.raw(name), BRIEF, first, last, *SAMPLED]
        return Query((_call("queue", [key], args),), read)

    def history(self, name: str, width: int, first: int, last: int) -> Query[list[Bucket]]:
        """The buckets of ``width`` seconds from ``first`` to ``last`` that hold anything."""
        kind = "s" if width == 10 else "m"
        args: list[Arg] = [self._keys.namespace, parsing.raw(name), kind, width, first, last]
        return Query(
            (_call("history", [], args),),
            lambda replies: parsing.buckets(required(replies[0]), width),
        )

    def worker(self, worker_id: str, most: int) -> Query[WorkerReading]:
        """A worker and what it holds, with up to ``most`` jobs of each active list."""

        def read(replies: Sequence[Any]) -> WorkerReading:
            values, parts = required(replies[0])
            held = tuple(
                ActiveList(
                    parsing.text(parts[at]),
                    parsing.text(parts[at + 1]),
                    parts[at + 2],
                    tuple(parsing.items(parts[at + 3])),
                )
                for at in range(0, len(parts) - 3, 4)
            )
            return WorkerReading(dict(zip(parsing.WORKER_FIELDS, values, strict=False)), held)

        args: list[Arg] = [self._keys.namespace, parsing.raw(worker_id), BRIEF, most]
        return Query((_call("worker", [], [*args, *parsing.WORKER_FIELDS]),), read)

    def records(
        self, ids: Sequence[str], fields: Sequence[str] = parsing.RECORD_FIELDS
    ) -> Query[dict[str, JobRecord]]:
        """The records of some hundred jobs by id; those without one are left out."""

        def read(replies: Sequence[Any]) -> dict[str, JobRecord]:
            return parsed_records(ids, required(replies[0]), fields)

        if not ids:
            return Query((), lambda _replies: {})
        keys = [parsing.raw(self._keys.job(each)) for each in ids]
        return Query((_call("records", keys, [WHOLE, *fields]),), read)

    def clipped(self, most: int, *command: Arg) -> Command:
        """A plain reading command of whose reply each text has at most ``most`` bytes."""
        return _call("clipped", [], [most, *command])

    def find(self, key: str, order: Order, start: int, count: int, words: str) -> Query[Found]:
        """The first item from ``start`` on that holds ``words``, out of ``count``."""

        def read(replies: Sequence[Any]) -> Found:
            if wrong_type(replies[0]):
                return Found(0)
            looked, index, item, at = required(replies[0])
            location, due = (None, None) if index < 0 else (index, number(at))
            return Found(looked, location, item, due)

        args: list[Arg] = [order, start, count, parsing.raw(words)]
        return Query((_call("find", [parsing.raw(key)], args),), read)


def _call(name: str, keys: Sequence[Arg], args: Sequence[Arg]) -> Command:
    return ("EVALSHA", script(name).sha, len(keys), *keys, *args)


def load_commands() -> list[Command]:
    """The commands that make the reading scripts known to a server."""
    loaded: list[Script] = [script(name) for name in READING_SCRIPTS]
    return [("SCRIPT", "LOAD", each.text) for each in loaded]
