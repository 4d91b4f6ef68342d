"""Finding one job by its id. Its record says where to look; the looking is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.reading.queries import Found, Order, maybe
from asok_core.backends.redis.reading.trips import Trips
from asok_core.job import JobRecord
from asok_core.snapshot import JobDetail
from asok_core.states import Place, Status
from asok_core.wire import Keyring, peek

LONGEST = 0.5
"""Seconds that the search through lists may take in all."""
STEP = 1000

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
) -> JobDetail | None:
    """All there is of a job, or None."""
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
    until = time.monotonic() + LONGEST
    for place, key, order in _lists(keys, queues, record):
        for found in _search(trips, key, order, job_id, until):
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
    if record is None:
        return None
    finished = _place_told_by(record) is Place.FINISHED
    return JobDetail(
        id=job_id,
        record=record,
        place=Place.FINISHED if finished else None,
        crashes=parsing.count(crashes),
        attempts=attempts,
    )


def _lists(
    keys: Keys, queues: Sequence[str], record: JobRecord | None
) -> Iterator[tuple[Place, str, Order]]:
    """Where the job may be, the likeliest first."""
    told = _place_told_by(record)
    if told is Place.FINISHED:
        return
    if record is not None and record.worker and record.queue and told is Place.ACTIVE:
        yield Place.ACTIVE, keys.active(record.worker, record.queue), "left"
    home = [record.queue] if record is not None and record.queue else []
    names = list(dict.fromkeys([*home, *queues]))
    places: list[tuple[Place, str, Order]] = [
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
    key: str,
    order: Order,
    job_id: str,
    until: float,
) -> Iterator[Found]:
    start = 0
    while True:
        found: Found = trips.ask([trips.queries.find(key, order, start, STEP, job_id)])[0]
        if found.place is not None:
            yield found
            # The id stood in another job's arguments, if the search comes back.
            start = found.place + 1
        else:
            start += found.looked
        if not found.looked or time.monotonic() > until:
            return
