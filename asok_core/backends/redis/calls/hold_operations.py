"""Calls of operators about holds. They write the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call
from asok_core.backends.redis.calls.operations import AuditedCall


class HoldReply(NamedTuple):
    """What became of a new hold. ``state``: 1 in force; or why not, and then there is no other field."""

    state: int
    generation: int
    rule: bytes


@script_call
class AddHold(AuditedCall[HoldReply]):
    """Add a hold, for ``lasts`` seconds or until ``ends``; 0 for neither. ``words`` are for its event."""

    hold: str
    rule: str
    words: str
    reason: str
    lasts: float
    ends: float


@script_call
class EndHold(AuditedCall[int]):
    """End a hold: 1; 0 there is none, 2 it had ended before.

    ``rate``: jobs per second at which its jobs are returned; 0: all at once.
    ``only_empty``: 3 where ``queues`` have jobs of it, and it stays in force.
    """

    hold: str
    only_empty: bool
    rate: float
    queues: Sequence[bytes]


class ReleasedReply(NamedTuple):
    """How many jobs were returned, and are left. ``returned`` -1: the queue's key is of another type."""

    returned: int
    left: int
    last: bytes


@script_call
class ReleaseHeld(AuditedCall[ReleasedReply]):
    """Return up to ``count`` jobs of a queue that a hold keeps; ``behind`` as in ``return_jobs.lua``."""

    hold: str
    queue: bytes
    count: int
    rate: float
    behind: bytes


@script_call
class StopRelease(NamespacedCall[int]):
    """Note that the release of a hold was stopped, so that workers do not finish it."""

    hold: str
