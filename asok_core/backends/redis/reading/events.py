"""How events are read: the newest, or those after one that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import redis

from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.query import Query, known, named, required, server_time
from asok_core.backends.redis.reading.round_trips import Queries
from asok_core.inspection.events import Events, SystemEvent
from asok_core.jobs.numbers import number
from asok_core.settings.kinds import FEWEST_EVENTS, SHORTEST_EVENTS_AGE

LONGEST_FIELD = 1_024
"""Bytes of a field that are read: ours are no longer."""
LAST_ID = "18446744073709551615-18446744073709551615"
"""The largest id of a stream, after which Redis accepts no range."""
KEPT = FEWEST_EVENTS
"""Events that a reader of snapshots remembers: no bound of the stream is below it."""


def events_between(
    queries: Queries, keys: Keys, count: int, *, after: str = "", before: str = ""
) -> Query[Events]:
    """At most ``count`` events, newest first, of those between two ids, neither of them included."""
    if after == LAST_ID:
        return known(Events())
    newest, oldest = f"({before}" if before else "+", f"({after}" if after else "-"
    # Not XRANGE: a viewer has the right to this command, for the audit.
    command = queries.clipped(
        LONGEST_FIELD, "XREVRANGE", keys.events, newest, oldest, "COUNT", count
    )

    def read(replies: Sequence[Any]) -> Events:
        if wrong_type(replies[0]):
            unread = _unread()
            unread.problem = (
                f"The key {keys.events} is not a stream: what changed cannot be read or recorded."
            )
            return unread
        return Events(_event(*entry) for entry in required(replies[0]))

    return Query((command,), read)


def events_now(
    queries: Queries, keys: Keys, count: int, *, after: str = "", before: str = ""
) -> Query[Events]:
    """The same, with the time by Redis's clock."""

    def dated(found: Events, now: float) -> Events:
        found.read_at = now
        return found

    found = events_between(queries, keys, count, after=after, before=before)
    return named(dated, found=found, now=server_time())


class EventMemory:
    """The newest events that a reader has seen: each snapshot reads only those after them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: tuple[SystemEvent, ...] = ()
        self._since = 0.0

    def since(self, now: float) -> float:
        """From when on every event is known; infinite where they cannot be read.

        What is older than the stream's least age may have been removed before this reader saw it.
        """
        return max(self._since, now - SHORTEST_EVENTS_AGE)

    def query(self, queries: Queries) -> Query[Events]:
        """Those after the newest known; none for a user who has no right to read them."""
        after = self._known[0].id if self._known else ""
        commands, read = events_between(queries, self._keys, KEPT, after=after)

        def read_if_allowed(replies: Sequence[Any]) -> Events:
            if any(isinstance(each, redis.RedisError) and not wrong_type(each) for each in replies):
                return _unread()
            return read(replies)

        return Query(commands, read_if_allowed)

    def note(self, found: Events) -> tuple[SystemEvent, ...]:
        """All that are known now, newest first."""
        self._known = (*found, *self._known)[:KEPT]
        self._since = 0.0 if found.is_read else math.inf
        if found.is_read and len(self._known) == KEPT:
            self._since = self._known[-1].at or math.inf
        return self._known


def _unread() -> Events:
    found = Events()
    found.is_read = False
    return found


def _event(entry_id: bytes, flat: Sequence[bytes] | None) -> SystemEvent:
    texts = [each.decode("utf-8", "replace") for each in flat or ()]
    fields = dict(zip(texts[::2], texts[1::2], strict=False))
    at, kind = number(fields.pop("at", None)), fields.pop("kind", "")
    return SystemEvent(entry_id.decode("ascii", "replace"), at, kind, fields)
