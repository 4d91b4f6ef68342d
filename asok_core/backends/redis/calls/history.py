"""Calls of a supervisor that record the history of queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class SampleReply(NamedTuple):
    """What a step of a sample did."""

    second: int
    """The time by Redis's clock, epoch seconds."""
    minute: int
    """The minute to which the sample belongs; 0 where nothing was to be done."""
    held: int
    """1 where another supervisor takes the sample."""
    pending: int
    """Pending jobs of the queues of all steps so far; -1 where these are not all."""


@script_call
class SampleQueues(NamespacedCall[SampleReply]):
    """Take a step of the sample of this minute: note how many jobs are pending in ``queues``.

    The first ``own`` of them have figures of their own, the others only add to those of all. ``sampled``:
    the minute of the former step, which had ``pending`` jobs (-1: not known); 0 for the first. ``ends``:
    no step follows. Other supervisors than ``supervisor`` leave it to that one for ``claim`` milliseconds.
    """

    supervisor: str
    claim: int
    sampled: int
    pending: int
    own: int
    ends: bool
    queues: Sequence[bytes]


class QueueHour(NamedTuple):
    """The figures of a queue ('': of all together) over an hour."""

    queue: bytes
    figures: bytes
    """``queue_blocks.py``."""


@script_call
class RecordHours(NamespacedCall[None]):
    """Add figures of the hour with the number ``bucket`` to blocks of the day from ``day``.

    A block that has this hour, or a later one, stays as it is, and so does each where the hour began more
    than a day ago.
    """

    day: int
    bucket: int
    figures: Sequence[QueueHour]
