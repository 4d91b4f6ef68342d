"""Round trips of a reader: many questions at once, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import redis

from asok_core.backends.redis.connection import Connection, ConnectionPool
from asok_core.backends.redis.explanations import explaining
from asok_core.backends.redis.reading.queries import Command, Query, ScriptQueries, load_commands
from asok_core.errors import Refused, Unreachable
from asok_core.inspection.snapshot import Cost

if TYPE_CHECKING:
    from asok_core.backends.redis.reading.plain_commands import PlainQueries

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
    """The round trips of one reading, on one connection. ``queries`` makes the questions."""

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

    def ask(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Send all commands of ``queries`` at once; their answers in order.

        Raises Unreachable, Refused or ScriptsForbidden.
        """
        commands = [command for query in queries for command in query.commands]
        if not commands:
            return [query.read([]) for query in queries]
        replies = self._send(commands)
        answers: list[Any] = []
        at = 0
        try:
            with explaining(self._shown):
                for query in queries:
                    upto = at + len(query.commands)
                    answers.append(query.read(replies[at:upto]))
                    at = upto
        except redis.ResponseError as error:
            raise Refused(f"Redis at {self._shown} answers: {error}"[:300]) from error
        return answers

    def cost(self) -> Cost:
        """What all trips so far cost."""
        return Cost(
            self._round_trips, self._commands, self._bytes, time.perf_counter() - self._began
        )

    def _send(self, commands: list[Command]) -> list[Any]:
        scripted = any(command[0] == "EVALSHA" for command in commands)
        loading = load_commands() if scripted and not self._known[0] else []
        replies = self._pipeline([*loading, *commands])[len(loading) :]
        if any(isinstance(each, redis.exceptions.NoScriptError) for each in replies):
            # Another server answers now, or somebody flushed the scripts.
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


class RoundTripMaker:
    """Lends a connection for a reading; drops what is stale when Redis went away."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._known = [False]

    @contextmanager
    def begin(self, queries: Queries) -> Iterator[RoundTrips]:
        """Round trips for the body of a ``with``."""
        try:
            with self._pool.borrow() as connection:
                yield RoundTrips(connection, self._pool.endpoint.shown, self._known, queries)
        except Unreachable:
            self._known[0] = False
            self._pool.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _size(reply: Any) -> int:
    # Thousands of values a reading: the plain ones are counted without a call for each.
    if isinstance(reply, list):
        return 5 + sum(
            [
                len(each) + 9 if type(each) is bytes else 6 if type(each) is int else _size(each)
                for each in reply
            ]
        )
    return len(reply) + 9 if isinstance(reply, bytes) else 6
