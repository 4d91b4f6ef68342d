"""Pauses of queues: each is made, changed or ended by one script, with its audit entry and event."""

from __future__ import annotations

import math

from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.calls.operations import Pause, Resume
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import PAUSE_OVER, PAUSES_FULL
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.roles import OperationResult
from asok_core.errors import UsageError
from asok_core.inspection.pauses import (
    LONGEST_PAUSE,
    QueuePause,
    cleaned_reason,
    length_problem,
    pause_of,
)

PAUSED_ALREADY = "it is paused already"
NOT_PAUSED = "it is not paused"

UNCHANGED, CHANGED = 0, 2
TOO_LONG = 5
"""Replies of the script."""
_REFUSALS = {3: PAUSE_OVER, 4: PAUSES_FULL}


def pause(
    connection: Connection,
    operation: Operation,
    queue: str,
    *,
    reason: str,
    lasts: float | None,
    ends: float | None,
) -> OperationResult:
    """Pause a queue, or change its pause. Raises UsageError."""
    if lasts is not None and ends is not None:
        raise UsageError("a pause has a length or an end, not both")
    if lasts is not None and (problem := length_problem(lasts)):
        raise UsageError(problem)
    # 0 means no end to the script.
    if ends is not None and not 0 < ends < math.inf:
        raise UsageError(f"the end of a pause is {ends}; it must be a moment in epoch seconds")
    reply = connection.run(
        Pause(
            **operation.arguments(),
            queue=name_bytes(queue),
            reason=cleaned_reason(reason),
            lasts=lasts or 0.0,
            ends=ends or 0.0,
        )
    )
    if reply.state == TOO_LONG:
        raise UsageError(length_problem(LONGEST_PAUSE + 1))
    now = pause_of(reply.now)
    if refusal := _REFUSALS.get(reply.state):
        return OperationResult("pause", 0, refused={refusal: 1}, operation=operation.id, pause=now)
    if reply.state == UNCHANGED:
        return OperationResult("pause", 0, {PAUSED_ALREADY: 1}, operation=operation.id, pause=now)
    replaced = (pause_of(reply.before) or QueuePause()) if reply.state == CHANGED else None
    return OperationResult("pause", 1, operation=operation.id, pause=now, replaced=replaced)


def resume(connection: Connection, operation: Operation, queue: str) -> OperationResult:
    """Resume a queue."""
    changed = connection.run(Resume(**operation.arguments(), queue=name_bytes(queue)))
    skipped = {} if changed else {NOT_PAUSED: 1}
    return OperationResult("resume", changed, skipped, operation=operation.id)
