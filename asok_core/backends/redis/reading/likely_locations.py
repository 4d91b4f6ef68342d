"""Where a job may be, by its record and by where a list showed it: the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.queries import Order
from asok_core.backends.redis.reading.query import by_key, maybe
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.partial_payload import partial_payload
from asok_core.inspection.rows import Row
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import count
from asok_core.jobs.states import Location, Status

STEP = 512
"""Elements that one step of a search looks at, as many as one command reads (``find.lua``).

In a list of a million that takes Redis up to 4 ms, most of it to reach them.
"""
NEAR = 32
"""Elements in which a job is looked for that a list has just shown."""

PROBES, CLOSE = 3, 0.5
"""Jobs of a queue that one round trip looks at, and seconds by which two times of a job may differ."""

Where: TypeAlias = tuple[Location, str, Order]
Part: TypeAlias = tuple[int, int | None]
"""Where in a list a search starts, and among how many elements; None: all."""
ALL: Part = (0, None)

_LOCATIONS = {
    Status.RUNNING: Location.ACTIVE,
    Status.RETRYING: Location.DELAYED,
    Status.SCHEDULED: Location.DELAYED,
    Status.FAILED: Location.DEAD,
    Status.PENDING: Location.PENDING,
    Status.HELD: Location.HELD,
    Status.COMPLETED: Location.FINISHED,
    Status.CANCELLED: Location.FINISHED,
}


def around(keys: Keys, near: Row | None) -> Iterator[tuple[Where, Part]]:
    """Where a job was when a list showed it, counted from either end, with a few on both sides."""
    if near is None:
        return
    if near.location is Location.ACTIVE and near.worker:
        # An active list is short: it holds what one process has claimed of one queue.
        yield (Location.ACTIVE, keys.active(near.worker, near.queue), "left"), (0, None)
    start = max(0, near.position - NEAR // 2)
    if near.location is Location.DELAYED:
        yield (Location.DELAYED, keys.delayed, "score"), (start, NEAR)
    elif near.location is Location.PENDING:
        yield (Location.PENDING, keys.queue(near.queue), "right"), (start, NEAR)
    elif near.location is Location.HELD and near.record is not None and near.record.held_by:
        key = keys.held(near.record.held_by, near.queue)
        yield (Location.HELD, key, "right"), (start, NEAR)
    elif near.location is Location.DEAD:
        yield (Location.DEAD, keys.dead, "left"), (start, NEAR)
        yield (Location.DEAD, keys.dead, "right"), (start, NEAR)


def around_its_time(
    round_trips: RoundTrips, keys: Keys, record: JobRecord | None
) -> Iterator[tuple[Where, Part]]:
    """Where a pending job is by when it was enqueued: queues are nearly in that order.

    To search half a million jobs takes Redis seconds. Where operators have changed the order, or
    programs wrote other times, the job is not met here, and is searched as any other.
    """
    if record is None or record.status != Status.PENDING or not record.queue:
        return
    key, moment = keys.queue(record.queue), record.enqueued_at
    total = count(round_trips.ask(maybe("LLEN", parsing.raw(key))))
    if moment is None or total <= STEP:
        return
    start = max(0, _first_from(round_trips, key, total, moment - CLOSE) - NEAR)
    where: Where = Location.PENDING, key, "right"
    yield where, (start, 2 * NEAR)
    yield where, (start + 2 * NEAR, 2 * STEP)


def _first_from(round_trips: RoundTrips, key: str, total: int, moment: float) -> int:
    """How many jobs of a queue are before the first that was enqueued at ``moment`` or later."""
    low, high = 0, total
    while high - low > PROBES:
        probes = [low + (high - low) * n // (PROBES + 1) for n in range(1, PROBES + 1)]
        windows = round_trips.ask(
            by_key({at: round_trips.queries.window(key, "right", at, 1) for at in probes})
        )
        before = (low, high)
        for at in probes:
            items = windows[at].items
            job = partial_payload(items[0]).job if items else None
            if job is None or job.enqueued_at is None:
                continue
            if job.enqueued_at >= moment:
                high = at
                break
            low = at + 1
        if (low, high) == before:
            break
    return low


def lists(keys: Keys, queues: Sequence[str], record: JobRecord | None) -> Iterator[Where]:
    """Where the job may be, the likeliest first."""
    explaining = location_by(record)
    if explaining is Location.FINISHED:
        return
    if record is not None and record.worker and record.queue and explaining is Location.ACTIVE:
        yield Location.ACTIVE, keys.active(record.worker, record.queue), "left"
    if record is not None and record.held_by and record.queue:
        yield Location.HELD, keys.held(record.held_by, record.queue), "right"
    home = [record.queue] if record is not None and record.queue else []
    names = list(dict.fromkeys([*home, *queues]))
    locations: list[Where] = [
        (Location.DEAD, keys.dead, "left"),
        (Location.DELAYED, keys.delayed, "score"),
        *((Location.PENDING, keys.queue(name), "right") for name in names),
    ]
    yield from sorted(locations, key=lambda each: each[0] is not explaining)


def location_by(record: JobRecord | None) -> Location | None:
    """The location that its record leads to; None where it leads to none."""
    if record is None or not isinstance(record.status, Status):
        return None
    return _LOCATIONS[record.status]
