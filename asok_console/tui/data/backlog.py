"""What the console itself saw of the backlog, second by second, since it was opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from asok_core.inspection.snapshot import Snapshot

SECONDS = 60
"""Seconds that are kept each."""
TENS = 31
"""Intervals of ten seconds that are kept as well."""
HELD = 5
"""Seconds for which the values of a snapshot are shown where no newer one arrived."""


class QueueLoad(NamedTuple):
    """Jobs of one queue at one moment."""

    pending: int
    running: int


class TimeSeries(NamedTuple):
    """Values from ``start`` (epoch seconds) on, one for each ``width`` seconds; NaN: not known."""

    start: int
    width: int
    pending: tuple[float, ...]
    running: tuple[float, ...]


class SnapshotHistory:
    """The last minute by seconds and the last five by tens. Queues without jobs take no memory."""

    def __init__(self) -> None:
        self._seconds: dict[int, Mapping[str, QueueLoad]] = {}
        self._tens: dict[int, Mapping[str, QueueLoad]] = {}

    def see(self, snapshot: Snapshot) -> None:
        """Take in a new snapshot."""
        found = {
            queue.name: QueueLoad(queue.pending, queue.running)
            for queue in snapshot.queues
            if queue.pending or queue.running
        }
        second = int(snapshot.taken_at)
        for kept, key, most in (
            (self._seconds, second, SECONDS + HELD),
            (self._tens, second - second % 10, 10 * TENS),
        ):
            kept[key] = found
            for old in [each for each in kept if not second - most <= each <= second]:
                del kept[old]

    def last_minute(self, queue: str | None, now: float) -> TimeSeries:
        """One value for each of the last ``SECONDS``; None: all queues together."""
        first = int(now) - SECONDS + 1
        loads: list[QueueLoad | None] = []
        held: tuple[int, QueueLoad] | None = None
        for second in range(first - HELD, first + SECONDS):
            found = self._seconds.get(second)
            if found is not None:
                held = second, _load_of(found, queue)
            known = held is not None and second - held[0] <= HELD
            loads.append(held[1] if held is not None and known else None)
        return _course(first, 1, loads[HELD:])

    def last_minutes(self, queue: str | None, now: float) -> TimeSeries:
        """One value for each ten seconds of the last five minutes: that of its last snapshot."""
        last = int(now) - int(now) % 10
        first = last - 10 * (TENS - 1)
        found = [self._tens.get(start) for start in range(first, last + 1, 10)]
        return _course(
            first, 10, [None if each is None else _load_of(each, queue) for each in found]
        )


def _load_of(loads: Mapping[str, QueueLoad], queue: str | None) -> QueueLoad:
    if queue is not None:
        return loads.get(queue, QueueLoad(0, 0))
    return QueueLoad(
        sum(load.pending for load in loads.values()), sum(load.running for load in loads.values())
    )


def _course(start: int, width: int, loads: list[QueueLoad | None]) -> TimeSeries:
    return TimeSeries(
        start,
        width,
        tuple(math.nan if load is None else float(load.pending) for load in loads),
        tuple(math.nan if load is None else float(load.running) for load in loads),
    )
