"""What a snapshot reads first: the server, the shared lists, and the names of queues and workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from redis.exceptions import NoPermissionError, RedisError

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.reading import NotesReply
from asok_core.backends.redis.consuming.holds import (
    FIELDS,
    FORBIDDEN,
    NOT_A_HASH,
    TOO_MANY,
    holds_in,
)
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import LONGEST_NAME, Keys
from asok_core.backends.redis.members import STEP
from asok_core.backends.redis.reading.discovery import Scan
from asok_core.backends.redis.reading.queries import BRIEF, ListWindow, WindowOptions
from asok_core.backends.redis.reading.query import (
    Command,
    Query,
    by_key,
    known,
    maybe,
    named,
    one,
    required,
    server_time,
)
from asok_core.backends.redis.reading.round_trips import Queries
from asok_core.inspection.events import Events
from asok_core.inspection.holds import ENDED, LARGEST_HOLD, Holds, HoldState
from asok_core.inspection.pauses import LARGEST_PAUSE, QueuePause, pause_of
from asok_core.inspection.rows import digest
from asok_core.jobs.limits import BUCKET
from asok_core.jobs.numbers import score

MOST_WORKERS = 500
NO_LEASES = "the key of their leases is not a sorted set"
CLIP = LONGEST_NAME + 1
"""Bytes of a name that are asked for, so that one that is too long shows that it is."""


class NameSet(NamedTuple):
    """Names in a set: those that one step of a scan has read. ``total`` is None for a key of another type.

    ``long`` are how many of them were left out, since they are longer than a name can be.
    """

    total: int | None
    names: tuple[str, ...] = ()
    long: int = 0


class Leases(NamedTuple):
    """The workers and until when each lease holds (None: not a number), of the latest leases.

    ``total`` is how many there are, None for a key of another type; ``long`` as in ``NameSet``.
    """

    total: int | None
    leases: Mapping[str, float | None]
    long: int = 0


class Overview(NamedTuple):
    """The answers of the first round trip of a snapshot."""

    now: float
    info: object
    config: Mapping[str, object]
    keys: object
    queues: NameSet
    paused: NameSet
    leases: Leases
    scanned: Scan
    delayed: ListWindow
    newest_dead: ListWindow
    oldest_dead: ListWindow
    events: Events
    notes: NotesReply
    holds: Holds
    held_lists: NameSet

    @property
    def dead_head(self) -> str:
        """What names the newest dead job: its digest."""
        if not self.newest_dead.items:
            return ""
        item = self.newest_dead.items[0]
        return item.sha1.decode() or digest(item.text)

    def problems(self) -> Iterator[str]:
        """Lines about the lists that all queues share, where their keys are of another type."""
        if self.newest_dead.total is None:
            yield "dead jobs cannot be read or written: their key is not a list"
        if self.delayed.total is None:
            yield "delayed jobs cannot be read or written: their key is not a sorted set"
        if self.leases.total is None:
            yield f"workers cannot be read: {NO_LEASES}"
        if self.holds.problem in (NOT_A_HASH, TOO_MANY):
            yield f"holds cannot be read: {self.holds.problem}"
        if self.events.problem:
            yield "events cannot be read or recorded: their key is not a stream"
        for what, found in self._sets():
            if found.total is None:
                yield f"{what} cannot be read or written: their key is not a set"

    def unread(self) -> Iterator[str]:
        """Lines about names that were not read."""
        for what, (total, names, long) in self._sets():
            yield from _unread(what, total, len(names), long)
        yield from self._unread_workers()

    @property
    def workers_unread(self) -> str:
        """Why there may be more workers than were read, or ''."""
        return NO_LEASES if self.leases.total is None else "; ".join(self._unread_workers())

    def _unread_workers(self) -> Iterator[str]:
        total, leases, long = self.leases
        return _unread("workers", total, len(leases), long)

    def _sets(self) -> tuple[tuple[str, NameSet], ...]:
        held = ("lists of held jobs", self.held_lists)
        return ("queues", self.queues), ("paused queues", self.paused), held


def _unread(what: str, total: int | None, read: int, long: int) -> Iterator[str]:
    if long:
        one_or_more = (
            f"1 name of {what} was not read: it is"
            if long == 1
            else f"{long:,} names of {what} were not read: each is"
        )
        yield f"{one_or_more} longer than {LONGEST_NAME:,} bytes"
    if total is not None and total > read + long:
        yield f"{total:,} names of {what} are in Redis, and {read:,} of them were read"


def overview(
    queries: Queries,
    keys: Keys,
    scan: Query[Scan],
    events: Query[Events],
    notes: Query[NotesReply],
) -> Query[Overview]:
    """Everything that there is one of."""
    return named(
        Overview,
        now=server_time(),
        info=maybe("INFO"),
        config=by_key({each: maybe("CONFIG", "GET", each) for each in parsing.SERVER_SETTINGS}),
        keys=maybe("DBSIZE"),
        queues=_names(queries, keys.queues),
        paused=_names(queries, keys.paused),
        leases=read_leases(queries, keys.workers),
        scanned=scan,
        delayed=queries.window(keys.delayed, "score", 0, 1, WindowOptions(whole=BRIEF)),
        newest_dead=queries.window(keys.dead, "left", 0, 1, WindowOptions(whole=BRIEF, sums=True)),
        oldest_dead=queries.window(keys.dead, "right", 0, 1, WindowOptions(whole=BRIEF)),
        events=events,
        notes=notes,
        holds=holds_now(queries, keys),
        held_lists=_names(queries, keys.held_lists, optional=True),
    )


def paused_among(
    keys: Keys, paused: NameSet, queues: Sequence[str]
) -> Query[frozenset[str]] | None:
    """Which of some queues are paused; None where all names of the set were read."""
    if paused.total is None or paused.total <= len(paused.names) or not queues:
        return None
    commands, read = one("SMISMEMBER", keys.paused, *map(parsing.raw, queues))
    return Query(
        commands,
        lambda replies: frozenset(
            name for name, flag in zip(queues, read(replies), strict=True) if flag
        ),
    )


def pauses_of(
    queries: Queries, keys: Keys, queues: Sequence[str]
) -> Query[Mapping[str, QueuePause | None]]:
    """What is known of the pauses of these queues; None of each for a user who has no right to it."""
    if not queues:
        return known({})
    command = queries.clipped(LARGEST_PAUSE, "HMGET", keys.pauses, *map(parsing.raw, queues))
    commands, reply_of = maybe(*command)

    def read(replies: Sequence[Any]) -> Mapping[str, QueuePause | None]:
        found = reply_of(replies) or [None] * len(queues)
        return dict(zip(queues, map(pause_of, found), strict=True))

    return Query(commands, read)


def holds_now(queries: Queries, keys: Keys) -> Query[Holds]:
    """The holds there are; none, and a problem, for a user who has no right to them."""
    command: Command = ("HSCAN", parsing.raw(keys.holds), 0, "COUNT", FIELDS)

    def read(replies: Sequence[Any]) -> Holds:
        (reply,) = replies
        if isinstance(reply, RedisError):
            return Holds(problem=NOT_A_HASH if wrong_type(reply) else FORBIDDEN)
        return holds_in(reply)

    return Query((queries.clipped(LARGEST_HOLD, *command),), read)


def held_jobs(keys: Keys, holds: Holds, names: Sequence[str]) -> Query[tuple[HoldState, ...]]:
    """How many jobs of which queues each hold keeps, by the names of the lists."""
    known = {each.id: each for each in (*holds.ended, *holds.holds)}
    unread = {each for each in holds.unread_holds if not each.startswith(ENDED)}
    ended = {each.id for each in holds.ended}
    ended |= {each.removeprefix(ENDED) for each in holds.unread_holds} - unread
    gone = not holds.problem
    there = {*known, *unread}
    own = [name for name in names if not name.startswith(BUCKET)]
    lists = by_key({name: maybe("LLEN", parsing.raw(keys.held_list(name))) for name in own})

    def read(replies: Sequence[Any]) -> tuple[HoldState, ...]:
        queues: dict[str, dict[str, int]] = {each: {} for each in (*known, *unread, *ended)}
        for name, length in lists.read(replies).items():
            hold, _, queue = name.partition(":")
            if isinstance(length, int) and length and queue:
                queues.setdefault(hold, {})[queue] = length
        found = [
            HoldState(
                each, known.get(each), queues[each], each in ended or (gone and each not in there)
            )
            for each in queues
        ]
        return tuple(sorted(found, key=lambda each: (each.since or 0.0, each.id)))

    return Query(lists.commands, read)


def _names(queries: Queries, key: str, *, optional: bool = False) -> Query[NameSet]:
    """A set that another program may have filled with a million names: how many, and some thousands.

    ``optional``: none for a user who has no right to it.
    """
    scan: Command = queries.clipped(CLIP, "SSCAN", key, 0, "COUNT", STEP)

    def read(replies: Sequence[Any]) -> NameSet:
        total, scanned = replies
        if wrong_type(total):
            return NameSet(None)
        if optional and isinstance(scanned, NoPermissionError):
            return NameSet(0)
        _, found = required(scanned)
        names = dict.fromkeys(parsing.text(name) for name in found if len(name) <= LONGEST_NAME)
        long = sum(len(name) > LONGEST_NAME for name in found)
        return NameSet(required(total), tuple(names), long)

    return Query((("SCARD", key), scan), read)


def read_leases(queries: Queries, key: str) -> Query[Leases]:
    """The leases of the set ``key``."""
    command = queries.clipped(CLIP, "ZREVRANGE", key, 0, MOST_WORKERS - 1, "WITHSCORES")

    def read(replies: Sequence[Any]) -> Leases:
        total, reply = replies
        if wrong_type(total):
            return Leases(None, {})
        found = required(reply)
        pairs = list(zip(found[::2], found[1::2], strict=True))
        leases = {
            parsing.text(name): score(until) for name, until in pairs if len(name) <= LONGEST_NAME
        }
        return Leases(required(total), leases, len(pairs) - len(leases))

    return Query((("ZCARD", key), command), read)
