"""A query to Redis: its commands, and how it reads their replies. Queries are composed by name.

The small values are NamedTuples: a frozen dataclass takes ten times as long to make, and a status command
ends within the time of a few dozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import redis

from asok_core import clock
from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.server_clock import epoch_seconds

K = TypeVar("K")
T = TypeVar("T")
Command = tuple[Arg, ...]


class Query(NamedTuple, Generic[T]):
    """One query. ``read`` gets as many replies as there are commands; errors are among them."""

    commands: tuple[Command, ...]
    read: Callable[[Sequence[Any]], T]


def one(*command: Arg) -> Query[Any]:
    """A plain command, and its reply as it is. An error is raised."""
    return Query((command,), lambda replies: required(replies[0]))


def maybe(*command: Arg) -> Query[Any]:
    """A plain command that a user may be forbidden: None then, and for a key of another type."""
    return Query((command,), lambda replies: _unless_error(replies[0]))


def known(value: T) -> Query[T]:
    """A value that is known already, where another form of the same query has to ask for it."""
    return Query((), lambda _: value)


def server_time() -> Query[float]:
    """The time by Redis's clock, seconds since the epoch."""

    def read(replies: Sequence[Any]) -> float:
        time = _unless_error(replies[0])
        # A user who may not ask for the server's time (ACL) gets that of this machine.
        return epoch_seconds(time) if time else clock.now()

    return Query((("TIME",),), read)


def by_key(queries: Mapping[K, Query[T]]) -> Query[dict[K, T]]:
    """Many queries as one. The answers are found by the keys of the queries."""

    def read(replies: Sequence[Any]) -> dict[K, T]:
        rest = iter(replies)
        return {
            key: query.read(list(islice(rest, len(query.commands))))
            for key, query in queries.items()
        }

    return Query(tuple(command for each in queries.values() for command in each.commands), read)


def named(answer: Callable[..., T], **parts: Query[Any]) -> Query[T]:
    """Queries as one, whose answers are the arguments of ``answer`` by the same names."""
    commands, read = by_key(parts)
    return Query(commands, lambda replies: answer(**read(replies)))


def in_order(queries: Iterable[Query[T]]) -> Query[list[T]]:
    """Many queries as one. The answers are in the order of the queries."""
    commands, read = by_key(dict(enumerate(queries)))
    return Query(commands, lambda replies: list(read(replies).values()))


def required(reply: Any) -> Any:
    """The reply, unless it is an error: that is raised."""
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _unless_error(reply: Any) -> Any:
    return None if isinstance(reply, redis.RedisError) else reply
