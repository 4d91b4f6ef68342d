"""Holds: made, ended and released by scripts, each with its audit entry and event."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from typing import NoReturn

from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.calls.hold_operations import (
    AddHold,
    EndHold,
    HoldReply,
    ReleaseHeld,
    StopRelease,
)
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import HOLD_OVER, HOLDS_FULL
from asok_core.backends.redis.consuming.holds import close_hold, queues_of
from asok_core.backends.redis.explanations import ErrorReply, wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import members
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.redis.parsing import text
from asok_core.backends.roles import OperationResult, Progress, Watch
from asok_core.errors import AsokError, NoSuchHold, UsageError
from asok_core.inspection.holds import (
    ENDED,
    GENERATION,
    HAS_JOBS,
    LONGEST_HOLD,
    Hold,
    cleaned_reason,
    hold_of,
    length_problem,
    problem_of,
    rule_text,
)
from asok_core.inspection.limits import LIMIT_FIELD
from asok_core.jobs.limits import BUCKET
from asok_core.settings.kinds import is_text

BATCH = 500
"""Jobs that one script returns: a few milliseconds of Redis."""
PER_STEP = 0.2
"""Seconds between two steps of a release with a rate."""
TOO_LONG, JUST_ENDED, HELD_SOME, TAKEN = 5, 1, 3, 6
"""Replies of the scripts: its end is too far away; it ended now; it keeps jobs; another one has its id."""
_REFUSALS = {3: HOLD_OVER, 4: HOLDS_FULL}
NONE_SUCH = "there is no hold {!r}; asok hold list shows those there are"
BROKEN = "the key of its queue is not a list"


def add_hold(
    connection: Connection,
    operation: Operation,
    hold: Hold,
    *,
    lasts: float | None,
    ends: float | None,
) -> OperationResult:
    """Add a hold. Raises UsageError."""
    if problem := problem_of(hold):
        raise UsageError(problem)
    if lasts is not None and ends is not None:
        raise UsageError("a hold has a length or an end, not both")
    if lasts is not None and (problem := length_problem(lasts)):
        raise UsageError(problem)
    # 0 means no end to the script.
    if ends is not None and not 0 < ends < math.inf:
        raise UsageError(f"the end of a hold is {ends}; it must be a moment in epoch seconds")
    hold = hold._replace(reason=cleaned_reason(hold.reason))
    reply: HoldReply | None = None
    while reply is None or reply.state == TAKEN:
        hold = hold._replace(id=secrets.token_hex(3))
        reply = connection.run(
            AddHold(
                **operation.arguments(),
                hold=hold.id,
                rule=rule_text(hold),
                words=hold.words,
                reason=hold.reason,
                lasts=lasts or 0.0,
                ends=ends or 0.0,
            )
        )
    if reply.state == TOO_LONG:
        raise UsageError(length_problem(LONGEST_HOLD + 1))
    if refusal := _REFUSALS.get(reply.state):
        return OperationResult("hold", 0, refused={refusal: 1}, operation=operation.id)
    made = hold_of(hold.id, reply.rule)
    return OperationResult(
        "hold", 1, operation=operation.id, hold=made, generation=reply.generation
    )


def remove_hold(connection: Connection, operation: Operation, hold: str) -> OperationResult:
    """Remove a hold that keeps no jobs. Raises UsageError for an unknown one."""
    keys, removed = operation.keys, False
    _refuse_limit(connection, operation, hold)
    queues = queues_of(connection, keys, hold)
    state = _end(connection, operation, hold, queues, only_empty=True)
    if not state and not queues:
        _raise_unknown(connection, operation, hold)
    if state != HELD_SOME:
        # Those of a hold that ended before: a hold that just ended has no jobs.
        queues = queues_of(connection, keys, hold)
        removed = close_hold(connection, keys, hold, queues)
    # The script counts one that it ends. Another, which had ended before, is removed only here.
    counts = {"applied": 1} if removed and state != JUST_ENDED else {}
    operation.finish(connection, "done", counts)
    refused = {} if removed else {HAS_JOBS: 1}
    return OperationResult("remove hold", int(removed), refused=refused, operation=operation.id)


def release_hold(
    connection: Connection,
    operation: Operation,
    hold: str,
    *,
    rate: float | None,
    watch: Watch | None,
) -> OperationResult:
    """End a hold and return what it keeps. Raises UsageError for an unknown one."""
    keys = operation.keys
    _refuse_limit(connection, operation, hold)
    state = _end(connection, operation, hold, (), rate=rate or 0.0)
    # Those that it has now: a hold that has ended gets no others.
    queues = queues_of(connection, keys, hold)
    if not state and not queues:
        _raise_unknown(connection, operation, hold)
    lengths = _lengths(connection, keys, hold, queues)
    release = _Release(connection, operation, hold, lengths, rate=rate or 0.0, watch=watch)
    try:
        stopped = not (release.at_once() if rate is None else release.at_rate())
        if stopped:
            connection.run(StopRelease(ns=keys.namespace, hold=hold))
    except KeyboardInterrupt:
        with suppress(AsokError):
            connection.run(StopRelease(ns=keys.namespace, hold=hold))
            operation.finish(connection, "cancelled", {})
        raise
    except AsokError:
        with suppress(AsokError):
            operation.finish(connection, "failed", {})
        raise
    closed = close_hold(connection, keys, hold, queues)
    operation.finish(connection, "cancelled" if stopped else "done", {})
    refused = {BROKEN: release.broken} if release.broken else {}
    left = 0 if closed else sum(_lengths(connection, keys, hold, queues).values())
    return OperationResult(
        "release", release.returned, {}, refused, operation.id, cancelled=stopped, left=left
    )


class _Release:
    """A release from its first batch to its last. ``broken`` are jobs whose queue is not a list."""

    def __init__(
        self,
        connection: Connection,
        operation: Operation,
        hold: str,
        lengths: Mapping[str, int],
        *,
        rate: float,
        watch: Watch | None,
    ) -> None:
        self.returned = self.broken = 0
        self._connection = connection
        self._operation = operation
        self._hold = hold
        self._rate = rate
        self._left = dict(lengths)
        self._total = sum(lengths.values())
        self._watch = watch
        self._last: dict[str, bytes] = {}
        self._waits = ""

    def at_once(self) -> bool:
        """Return all, queue by queue, the newest first: so the oldest are the next to run."""
        for queue in tuple(self._left):
            while self._left.get(queue):
                self._step(queue, BATCH, b"")
                if not self._watched():
                    return False
        return True

    def at_rate(self) -> bool:
        """Return some each moment, the oldest first, in turn from each queue."""
        rate = self._rate
        began, turns, waits = time.monotonic(), cycle(tuple(self._left)), 0
        most = max(1, math.ceil(rate))
        while self._left:
            due = int((time.monotonic() - began) * rate) + 1 - self.returned
            if due > most:
                # After a stop of this process, what was missed is not made up for.
                began, due = began + (due - most) / rate, most
            if due <= 0:
                time.sleep(min(PER_STEP, 1 / rate))
            elif (queue := next(turns)) in self._left:
                share, returned = math.ceil(due / len(self._left)), self.returned
                self._step(queue, min(share, BATCH), self._last.get(queue, b"-"))
                waits = 0 if self.returned > returned else waits + 1
            if self._left and waits >= len(self._left):
                # As many as may be returned wait to run already.
                self._waits = self._waits_for()
                time.sleep(PER_STEP)
                waits = 0
            if not self._watched():
                return False
        return True

    def _step(self, queue: str, count: int, behind: bytes) -> None:
        reply = self._connection.run(
            ReleaseHeld(
                **self._operation.arguments(),
                hold=self._hold,
                queue=name_bytes(queue),
                count=count,
                rate=self._rate,
                behind=behind,
            )
        )
        if reply.returned < 0:
            self.broken += self._left.pop(queue)
            return
        self.returned += reply.returned
        if reply.returned:
            self._waits = ""
        if reply.last:
            self._last[queue] = reply.last
        self._left[queue] = reply.left
        if not reply.left:
            del self._left[queue]

    def _watched(self) -> bool:
        return self._watch is None or self._watch(
            Progress(self.returned, self._total, self.returned, waits=self._waits)
        )

    def _waits_for(self) -> str:
        """What must happen before more are returned, of one queue."""
        paused = set(map(text, members(self._connection, self._operation.keys.paused)))
        for queue in self._left:
            if queue in paused:
                return f"waiting: queue '{queue}' is paused"
        return f"waiting for workers of queue '{next(iter(self._left))}'"


def _end(
    connection: Connection,
    operation: Operation,
    hold: str,
    queues: Sequence[str],
    *,
    only_empty: bool = False,
    rate: float = 0.0,
) -> int:
    names = [name_bytes(each) for each in queues]
    if hold == GENERATION or hold.startswith(ENDED) or not (hold.isprintable() and is_text(hold)):
        return 0
    return connection.run(
        EndHold(**operation.arguments(), hold=hold, only_empty=only_empty, rate=rate, queues=names)
    )


def _refuse_limit(connection: Connection, operation: Operation, hold: str) -> None:
    """Raise for the name of a bucket: what waits for a limit is returned by workers."""
    if hold.startswith((BUCKET, LIMIT_FIELD)):
        _raise_unknown(connection, operation, hold)


def _raise_unknown(connection: Connection, operation: Operation, hold: str) -> NoReturn:
    operation.finish(connection, "done", {})
    raise NoSuchHold(NONE_SUCH.format(hold))


def _lengths(
    connection: Connection, keys: Keys, hold: str, queues: Sequence[str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for queue in queues:
        try:
            length = connection.call("LLEN", keys.held(hold, queue))
        except ErrorReply as error:
            if not wrong_type(error):
                raise
            continue
        if length:
            found[queue] = length
    return found
