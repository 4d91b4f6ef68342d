"""Round trips of a reader: many queries at once, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import redis

from asok_core.backends.redis import parsing
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.connection_pool import ConnectionPool
from asok_core.backends.redis.explanations import explaining
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.queries import ScriptQueries, load_commands
from asok_core.backends.redis.reading.query import Command, Query, maybe
from asok_core.errors import Refused, Unreachable
from asok_core.inspection.snapshot import SnapshotCost

if TYPE_CHECKING:
    from asok_core.backends.redis.reading.plain_commands import PlainQueries

T = TypeVar("T")
Queries: TypeAlias = "ScriptQueries | PlainQueries"

_PASSING = (
    redis.exceptions.BusyLoadingError,
    redis.exceptions.MasterDownError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MovedError,
)


class ScriptsForbidden(Exception):
    """This user may not run scripts."""


class RoundTrips:
    """The round trips of one call of a reader, on one connection. ``queries`` makes the queries."""

    def __init__(
        self, connection: Connection, shown: str, known: list[bool], queries: Queries
    ) -> None:
        self.queries = queries
        self.connection = connection
        self._shown = shown
        self._known = known
        self._began = time.perf_counter()
        self.last_seconds = 0.0
        self._round_trips = self._commands = self._bytes = 0

    def ask(self, query: Query[T]) -> T:
        """Send the commands of ``query`` at once; its answer.

        Raises Unreachable, Refused or ScriptsForbidden.
        """
        replies = self._send(list(query.commands)) if query.commands else []
        try:
            with explaining(self._shown):
                return query.read(replies)
        except redis.ResponseError as error:
            raise Refused(f"Redis at {self._shown} answers: {error}"[:300]) from error

    def cost(self) -> SnapshotCost:
        """What all round trips so far cost."""
        return SnapshotCost(
            self._round_trips, self._commands, self._bytes, time.perf_counter() - self._began
        )

    def _send(self, commands: list[Command]) -> list[Any]:
        scripted = any(command[0] == "EVALSHA" for command in commands)
        loading = load_commands() if scripted and not self._known[0] else []
        replies = self._pipeline([*loading, *commands])[len(loading) :]
        if any(isinstance(each, redis.exceptions.NoScriptError) for each in replies):
            # Another server answers now, or its scripts were flushed.
            loading = load_commands()
            replies = self._pipeline([*loading, *commands])[len(loading) :]
        self._known[0] = self._known[0] or scripted
        return replies

    def _pipeline(self, commands: list[Command]) -> list[Any]:
        began = time.perf_counter()
        replies = self.connection.pipeline(commands)
        self.last_seconds = time.perf_counter() - began
        self._round_trips += 1
        self._commands += len(commands)
        for command, reply in zip(commands, replies, strict=True):
            self._bytes += _size(reply)
            if isinstance(reply, _PASSING):
                with explaining(self._shown):
                    raise reply
            if isinstance(reply, redis.exceptions.NoPermissionError) and command[0] in (
                "EVALSHA",
                "SCRIPT",
            ):
                raise ScriptsForbidden
        return replies


class ReaderSession:
    """Asks one Redis by scripts, and by plain commands where this user may not run scripts."""

    def __init__(self, pool: ConnectionPool, keys: Keys) -> None:
        self._keys = keys
        self._pool = pool
        self._known = [False]
        self._queries: Queries = ScriptQueries(keys)

    def run(self, read: Callable[[RoundTrips], T]) -> T:
        """What ``read`` makes of some round trips. It may be called twice, and must not write."""
        try:
            with self._begin() as round_trips:
                return read(round_trips)
        except ScriptsForbidden:
            from asok_core.backends.redis.reading.plain_commands import PlainQueries

            self._queries = PlainQueries(self._keys)
        with self._begin() as round_trips:
            return read(round_trips)

    def ask(self, make: Callable[[Queries], Query[T]]) -> T:
        """The answer to one query."""
        return self.run(lambda round_trips: round_trips.ask(make(round_trips.queries)))

    @contextmanager
    def _begin(self) -> Iterator[RoundTrips]:
        try:
            with self._pool.borrow() as connection:
                yield RoundTrips(connection, self._pool.endpoint.shown, self._known, self._queries)
        except Unreachable:
            # Another server may answer next.
            self._known[0] = False
            self._pool.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _size(reply: Any) -> int:
    # Thousands of values a snapshot: the plain ones are counted without a call for each.
    if isinstance(reply, list):
        return 5 + sum(
            [
                len(each) + 9 if type(each) is bytes else 6 if type(each) is int else _size(each)
                for each in reply
            ]
        )
    return len(reply) + 9 if isinstance(reply, bytes) else 6


class ScanStep(NamedTuple):
    """The keys that one step of a SCAN found. ``ends``: the scan has looked at all keys."""

    keys: Sequence[bytes]
    ends: bool


def scan(round_trips: RoundTrips, pattern: str, count: int) -> Iterator[ScanStep | None]:
    """The keys of this database that match, in steps; None, and no more, without the right to SCAN.

    ``count``: keys that Redis looks at in a step.
    """
    cursor = 0
    while True:
        reply = round_trips.ask(
            maybe("SCAN", cursor, "MATCH", parsing.raw(pattern), "COUNT", count)
        )
        if not isinstance(reply, list) or len(reply) != 2:
            yield None
            return
        cursor = int(reply[0])
        yield ScanStep(reply[1], ends=not cursor)
        if not cursor:
            return
