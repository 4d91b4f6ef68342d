"""Finding one job by its id. Its record says where to look; the looking is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.reading.queries import Found, Order, maybe
from asok_core.backends.redis.reading.trips import Trips
from asok_core.job import JobRecord
from asok_core.snapshot import JobDetail, Row
from asok_core.states import Place, Status
from asok_core.wire import Keyring, peek

LONGEST = 0.5
"""Seconds that the search through lists may take in all, where a screen waits for it."""
STEP = 1000
NEAR = 32
"""Elements in which a job is looked for that a list has just shown."""

_Where: TypeAlias = tuple[Place, str, Order]

_PLACES = {
    Status.RUNNING: Place.ACTIVE,
    Status.RETRYING: Place.DELAYED,
    Status.SCHEDULED: Place.DELAYED,
    Status.FAILED: Place.DEAD,
    Status.PENDING: Place.PENDING,
    Status.COMPLETED: Place.FINISHED,
    Status.CANCELLED: Place.FINISHED,
}


def find_job(
    trips: Trips,
    keys: Keys,
    queues: Sequence[str],
    keyring: Keyring | None,
    job_id: str,
    *,
    near: Row | None = None,
    patience: float = LONGEST,
) -> JobDetail | None:
    """All there is of a job, or None.

    It is looked for where a list showed it (``near``), then wherever it may be, for as long as
    ``patience`` (seconds) allows: ``complete`` is False where that was too short.
    """
    records, crashes, history, text = trips.ask(
        [
            trips.queries.records([job_id]),
            maybe("GET", parsing.raw(keys.crashes(job_id))),
            maybe("HGET", parsing.raw(keys.job(job_id)), "attempts"),
            maybe("GETRANGE", parsing.raw(keys.job(job_id)), 0, parsing.LONGEST_TEXT - 1),
        ]
    )
    attempts = parsing.attempts(history) or parsing.attempts_in(text)
    record: JobRecord | None = records.get(job_id)
    until = time.monotonic() + patience
    places = [*_around(keys, near), *((each, 0, None) for each in _lists(keys, queues, record))]
    for (place, key, order), start, most in places:
        for found in _search(trips, (key, order), job_id, until, (start, most)):
            payload = peek(found.item, keyring)
            if payload.id == job_id:
                parts = keys.active_parts(key)
                return JobDetail(
                    id=job_id,
                    record=record,
                    place=place,
                    payload=payload,
                    due_at=found.score,
                    worker=worker_of(parts[0]) if parts else None,
                    crashes=parsing.count(crashes),
                    attempts=attempts,
                )
    complete = time.monotonic() <= until
    if record is None and complete:
        return None
    finished = _place_told_by(record) is Place.FINISHED
    return JobDetail(
        id=job_id,
        record=record,
        place=Place.FINISHED if finished else None,
        crashes=parsing.count(crashes),
        attempts=attempts,
        complete=complete,
    )


def _around(keys: Keys, near: Row | None) -> Iterator[tuple[_Where, int, int]]:
    """Where a job was when a list showed it, counted from either end, with a few on both sides."""
    if near is None:
        return
    start = max(0, near.position - NEAR // 2)
    if near.place is Place.DELAYED:
        yield (Place.DELAYED, keys.delayed, "score"), start, NEAR
    elif near.place is Place.PENDING:
        yield (Place.PENDING, keys.queue(near.queue), "right"), start, NEAR
    elif near.place is Place.DEAD:
        yield (Place.DEAD, keys.dead, "left"), start, NEAR
        yield (Place.DEAD, keys.dead, "right"), start, NEAR


def _lists(keys: Keys, queues: Sequence[str], record: JobRecord | None) -> Iterator[_Where]:
    """Where the job may be, the likeliest first."""
    told = _place_told_by(record)
    if told is Place.FINISHED:
        return
    if record is not None and record.worker and record.queue and told is Place.ACTIVE:
        yield Place.ACTIVE, keys.active(record.worker, record.queue), "left"
    home = [record.queue] if record is not None and record.queue else []
    names = list(dict.fromkeys([*home, *queues]))
    places: list[_Where] = [
        (Place.DEAD, keys.dead, "left"),
        (Place.DELAYED, keys.delayed, "score"),
        *((Place.PENDING, keys.queue(name), "right") for name in names),
    ]
    yield from sorted(places, key=lambda each: each[0] is not told)


def _place_told_by(record: JobRecord | None) -> Place | None:
    if record is None or not isinstance(record.status, Status):
        return None
    return _PLACES[record.status]


def _search(
    trips: Trips,
    where: tuple[str, Order],
    job_id: str,
    until: float,
    part: tuple[int, int | None],
) -> Iterator[Found]:
    start, most = part
    end = None if most is None else start + most
    while end is None or start < end:
        count = STEP if end is None else end - start
        found: Found = trips.ask([trips.queries.find(*where, start, count, job_id)])[0]
        if found.place is not None:
            yield found
            # The id stood in another job's arguments, if the search comes back.
            start = found.place + 1
        else:
            start += found.looked
        if not found.looked or time.monotonic() > until:
            return
