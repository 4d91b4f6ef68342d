"""How far a confirmed action reaches into a list that grows meanwhile."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from asok_core.backends.redis.calls.ranges import ListHead, ListHeadReply
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.server_clock import epoch_seconds
from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.inspection.rows import Row, digest
from asok_core.jobs.envelope import peek
from asok_core.jobs.states import Location
from asok_core.settings.kinds import parse_queue_name

NEWER_AT_MOST = 5_000
"""Elements younger than the confirmation that are looked through for the newest confirmed one."""


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """A scope's end. ``limit`` counts from the oldest element; ``newer`` ones came after it.

    ``bound`` is the newest element in scope; while it is in the list, everything older is in scope
    whatever its time says. Without it, what is younger than ``before`` is out.
    """

    limit: int
    before: float
    bound: bytes | None = None
    newer: int = 0


class IdFilter:
    """Finds cheaply, of most elements, that none of the requested ids is theirs.

    Reading an element takes thirty microseconds, and of a hundred thousand only one may be requested.
    """

    def __init__(self, ids: frozenset[str] | None) -> None:
        plain = ids is not None and all(_PLAIN.fullmatch(each) for each in ids)
        self._ids = frozenset(each.encode() for each in ids) if ids and plain else None
        self._digests = frozenset(filter(_DIGEST.fullmatch, ids or ()))

    def may_hold(self, raw: bytes) -> bool:
        """False only when the element is surely not requested."""
        if self._ids is None:
            return True
        # An id that is not written plainly, or none at all: that takes a closer look.
        named = _ID.findall(raw)
        if not named or not self._ids.isdisjoint(named):
            return True
        # An element that is not a job may still have an id in it.
        return bool(self._digests) and digest(raw) in self._digests


_DIGEST = re.compile(r"[0-9a-f]{40}")
_PLAIN = re.compile(r"[0-9A-Za-z_.:-]+")
_ID = re.compile(rb'"id\\?": ?\\?"([0-9A-Za-z_.:-]+)\\?"')


def resolve(connection: Connection, scope: Scope, key: bytes) -> ResolvedScope:
    """Find where the confirmed scope ends by now; without a confirmation it ends here and now.

    Raises WRONGTYPE as ResponseError.
    """
    now = epoch_seconds(connection.call("TIME"))
    before = now if scope.before is None else scope.before
    if scope.before is None and scope.ids is not None:
        # Ids are exact, and the clock of a producer that enqueued one just now may be a little ahead.
        before = math.inf
    if scope.location is Location.DELAYED:
        length = connection.call("ZCARD", key)
        return ResolvedScope(length if scope.limit is None else min(scope.limit, length), before)
    confirmed = scope.limit is not None or scope.before is not None or scope.boundary
    newer, chunk = 0, 8
    while newer < NEWER_AT_MOST:
        length, elements = _heads(connection, key, newer, chunk)
        for raw in elements:
            if not confirmed or _was_confirmed(raw, scope, length - newer, before):
                return ResolvedScope(length - newer, before, raw, newer)
            newer += 1
        if not elements:
            break
        chunk = min(chunk * 4, 500)
    # Its newest element is gone, or more came since than is worth looking through.
    return ResolvedScope(length if scope.limit is None else min(scope.limit, length), before)


def among_newest(
    connection: Connection, ids: frozenset[str], key: bytes
) -> tuple[list[bytes], int]:
    """The newest elements, newest first, if all of ``ids`` are theirs (else none), and the length.

    What an operator has before the eyes is mostly there: a walk from the oldest would take long.
    """
    seen: list[bytes] = []
    keys: list[str] = []
    for chunk in (16, 64, 256):
        length, elements = _heads(connection, key, len(seen), chunk)
        seen += elements
        keys += (Row(0, peek(raw), Location.DEAD, "").key for raw in elements)
        # The oldest of them is to be the walk's anchor, so it may not be requested itself.
        if ids.issubset(keys[:-1]):
            return seen, length
    return [], length


def _was_confirmed(raw: bytes, scope: Scope, location: int, before: float) -> bool:
    if scope.boundary:
        return digest(raw) == scope.boundary
    if scope.limit is not None and location > scope.limit:
        return False
    return not born_after(raw, scope.location, before)


def _heads(connection: Connection, key: bytes, start: int, count: int) -> ListHeadReply:
    # A full Redis refuses even reads inside MULTI, but not inside a script.
    return connection.run(ListHead(elements=key, start=start, stop=start + count - 1))


def born_after(raw: bytes, location: Location, moment: float) -> bool:
    """Whether an element says itself that it came to its location after ``moment``."""
    payload = peek(raw)
    queue = payload.job.queue if payload.job else ""
    born = born_at(Row(0, payload, location, queue))
    return born is not None and born > moment


def born_at(row: Row) -> float | None:
    """When an element came to its location, as far as it says so itself."""
    if row.location is Location.DEAD:
        return row.payload.failed_at
    return row.payload.job.enqueued_at if row.payload.job else None


def expect_location(scope: Scope, location: Location) -> None:
    """Raise UsageError unless the scope is in ``location``."""
    if scope.location is not location:
        raise UsageError(f"this acts on {location.value} jobs, not on {scope.location.value} jobs")


def expect_queue(scope: Scope) -> None:
    """Raise UsageError unless the scope is the pending jobs of a queue that is named."""
    expect_location(scope, Location.PENDING)
    if not scope.queue:
        raise UsageError("name the queue")


def expect_name(queue: str) -> None:
    """Raise UsageError unless jobs of this queue can be enqueued and run."""
    try:
        parse_queue_name(queue)
    except ValueError as error:
        raise UsageError(f"no worker can serve that queue: {error}") from None


def spelled(scope: Scope) -> str:
    """The scope in words, for the audit of a caller who gave none."""
    if scope.ids is None:
        return "" if scope.match is not None else "everything"
    some = " ".join(f"id:{each}" for each in sorted(scope.ids)[:3])
    return some if len(scope.ids) <= 3 else f"{some} and {len(scope.ids) - 3} more"
