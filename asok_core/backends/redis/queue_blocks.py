"""The history of queues as Redis holds it: blocks of an hour by the minute, and of a day by the hour.

A block of minutes has a slot of fixed size for each of its minutes: four bytes (big end first) for each
depth, which is one more than the number of jobs; 0 is not known. A block of hours has entries as those of
tasks have (``packed_figures.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import pack, unpack_counts
from asok_core.clock import HOUR, MINUTE
from asok_core.inspection.queue_history import Period, QueueDepth
from asok_core.inspection.queues import COUNTERS, Bucket

DEPTH = 4
"""Bytes of a depth."""
OF_QUEUE, OF_ALL = 1, 3
"""Depths of a slot: pending jobs; of all queues together also delayed and dead jobs."""
MINUTES = HOUR // MINUTE
_COUNTS = 2 + len(COUNTERS) + OF_ALL * len(QueueDepth._fields)


def depths_key(keys: Keys, queue: str | None, hour: int) -> tuple[str, int]:
    """The key of the samples of an hour (of a queue, or None for all), and how many depths each has."""
    if queue is None:
        return keys.depths(hour), OF_ALL
    return keys.queue_depths(queue, hour), OF_QUEUE


def slots(block: object, depths: int) -> list[tuple[int | None, ...]]:
    """The depths of each minute of a block, None where they are not known."""
    held = block if isinstance(block, bytes) else b""
    found = [_number(held[at : at + DEPTH]) for at in range(0, MINUTES * depths * DEPTH, DEPTH)]
    return [tuple(found[at : at + depths]) for at in range(0, len(found), depths)]


def packed_period(period: Period) -> bytes:
    """A period as bytes."""
    counters = period.counters
    depths = (period.pending, period.delayed, period.dead)
    counts = (
        period.minutes,
        period.recorded,
        *(getattr(counters, name) for name in COUNTERS),
        *(number for depth in depths for number in depth),
    )
    return pack(counts, counters.runs, counters.waits)


def period_of(start: int, packed: bytes) -> Period | None:
    """The period from ``start``; None where the bytes are not one."""
    found = unpack_counts(packed, _COUNTS)
    if found is None:
        return None
    (minutes, recorded, *numbers), runs, waits = found
    if not 0 < minutes <= MINUTES or recorded > minutes:
        return None
    counters, depths = numbers[: len(COUNTERS)], numbers[len(COUNTERS) :]
    named: dict[str, Any] = dict(zip(COUNTERS, counters, strict=True))
    bucket = Bucket(start, minutes * MINUTE, runs=runs, waits=waits, **named)
    return Period(start, minutes, recorded, bucket, *_depths(depths))


def _depths(numbers: Sequence[int]) -> list[QueueDepth]:
    size = len(QueueDepth._fields)
    return [QueueDepth(*numbers[at : at + size]) for at in range(0, len(numbers), size)]


def _number(held: bytes) -> int | None:
    return int.from_bytes(held, "big") - 1 if len(held) == DEPTH and any(held) else None
