"""Finding one job by its id. Its record says where to look; the looking is bounded."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.audit import VALID_ID, fields_of
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.reading.notes import note_on_job
from asok_core.backends.redis.reading.queries import Found, Order
from asok_core.backends.redis.reading.query import by_key, maybe, named, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.job_detail import JobDetail, Move
from asok_core.inspection.notes import OperatorNote
from asok_core.inspection.partial_payload import partial_payload
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Keyring, peek
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import count, number
from asok_core.jobs.states import Location, Status

LONGEST = 0.5
"""Seconds that the search through lists may take in all, where a screen waits for it."""
STEP = 1000
SCANNED = 1500
"""Keys that Redis looks at in one step of a SCAN: one to five milliseconds where there are millions."""
NEAR = 32
"""Elements in which a job is looked for that a list has just shown."""

PROBES, CLOSE = 3, 0.5
"""Jobs of a queue that one round trip looks at, and seconds by which two times of a job may differ."""
OPERATIONS, MORE_OPERATIONS = 50, 1_000
"""Newest operations in whose trash a job is looked for that is nowhere else; more if a list showed it."""
_TRASHING = ("purge", "cancel")

_Where: TypeAlias = tuple[Location, str, Order]
_Part: TypeAlias = tuple[int, int | None]
"""Where in a list a search starts, and among how many elements; None: all."""

_LOCATIONS = {
    Status.RUNNING: Location.ACTIVE,
    Status.RETRYING: Location.DELAYED,
    Status.SCHEDULED: Location.DELAYED,
    Status.FAILED: Location.DEAD,
    Status.PENDING: Location.PENDING,
    Status.COMPLETED: Location.FINISHED,
    Status.CANCELLED: Location.FINISHED,
}


class _Known(NamedTuple):
    """What is kept about a job beside its element in a list."""

    records: dict[str, JobRecord]
    crashes: Any
    history: Any
    text: Any
    note: OperatorNote | None
    now: float


def find_job(
    round_trips: RoundTrips,
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
    kept_with = ("HMGET", parsing.raw(keys.job(job_id)), "attempts", "moves", "progress")
    found = round_trips.ask(
        named(
            _Known,
            records=round_trips.queries.records([job_id]),
            crashes=maybe("GET", parsing.raw(keys.crashes(job_id))),
            history=maybe(
                *round_trips.queries.clipped(record_replies.LONGEST_HISTORY + 1, *kept_with)
            ),
            text=maybe(
                "GETRANGE", parsing.raw(keys.job(job_id)), 0, record_replies.LONGEST_TEXT - 1
            ),
            note=note_on_job(round_trips.queries, keys, job_id),
            now=server_time(),
        )
    )
    attempts, moves, reports = found.history or [
        record_replies.field_of_json(found.text, name) for name in ("attempts", "moves", "progress")
    ]
    known = JobDetail(
        id=job_id,
        record=found.records.get(job_id),
        crashes=count(found.crashes),
        attempts=record_replies.attempts(attempts),
        reports=record_replies.reports(reports),
        moves=record_replies.moves(moves),
        note=found.note,
        read_at=found.now,
    )
    until = time.monotonic() + patience

    def held_by(location: Location, key: str, order: Order, part: _Part) -> JobDetail | None:
        for found in _search(round_trips, (key, order), job_id, until, part):
            payload = peek(found.item, keyring)
            if payload.id == job_id:
                parts = keys.active_parts(key)
                worker = worker_of(parts[0]) if parts else None
                return known._replace(
                    location=location,
                    payload=payload,
                    due_at=found.score,
                    worker=worker,
                    process=parts[0] if parts else "",
                    position=found.location if location is Location.PENDING else None,
                )
        return None

    locations = [
        *_around(keys, near),
        *_around_its_time(round_trips, keys, known.record),
        *((each, (0, None)) for each in _lists(keys, queues, known.record)),
    ]
    for where, part in locations:
        if detail := held_by(*where, part):
            return detail
    if _may_be_in_trash(known.record):
        most = MORE_OPERATIONS if near and near.location is Location.TRASH else OPERATIONS
        for move in _trashed(round_trips, keys, known.moves, most):
            if detail := held_by(Location.TRASH, keys.trash(move.detail), "left", (0, None)):
                moves = detail.moves if move in detail.moves else (*detail.moves, move)
                return detail._replace(moves=moves, operation=move.detail)
    complete = time.monotonic() <= until
    if known.record is None and complete:
        return None
    finished = _location_by(known.record) is Location.FINISHED
    return known._replace(location=Location.FINISHED if finished else None, complete=complete)


def ids_that_begin(
    round_trips: RoundTrips, keys: Keys, beginning: str, most: int
) -> tuple[str, ...]:
    """The ids of records that begin so, at least ``most`` where there are so many.

    It scans all keys of the database in small steps. Without the right to do that there are none.
    """
    literal = re.sub(r"([*?\[\]\\^-])", r"\\\1", beginning)
    pattern, start = parsing.raw(f"{keys.job(literal)}*"), len(parsing.raw(keys.job("")))
    found, cursor = dict[str, None](), 0
    while len(found) < most:
        reply = round_trips.ask(maybe("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED))
        if not isinstance(reply, list) or len(reply) != 2:
            break
        found |= dict.fromkeys(parsing.text(key[start:]) for key in reply[1])
        cursor = int(reply[0])
        if not cursor:
            break
    return tuple(found)


def _may_be_in_trash(record: JobRecord | None) -> bool:
    return record is None or record.status in (Status.FAILED, Status.CANCELLED)


def _trashed(
    round_trips: RoundTrips, keys: Keys, moves: Sequence[Move], most: int
) -> Iterator[Move]:
    """What may have moved a job to the trash, the likeliest first; ``detail`` names the operation.

    A purge of a whole list writes nothing into the records of dead jobs: only the audit has it.
    """
    noted = [each for each in reversed(moves) if each.verb in _TRASHING]
    yield from (each for each in noted if VALID_ID.fullmatch(each.detail))
    names = {each.detail for each in noted}
    entries = round_trips.ask(maybe("XREVRANGE", keys.audit, "+", "-", "COUNT", most))
    for _, flat in entries or ():
        fields = fields_of(flat)
        operation, action = fields.get("operation", ""), fields.get("action", "")
        if action in _TRASHING and operation not in names and VALID_ID.fullmatch(operation):
            at = number(fields.get("at"))
            yield Move(at, action, fields.get("who", ""), operation)


def _around(keys: Keys, near: Row | None) -> Iterator[tuple[_Where, _Part]]:
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
    elif near.location is Location.DEAD:
        yield (Location.DEAD, keys.dead, "left"), (start, NEAR)
        yield (Location.DEAD, keys.dead, "right"), (start, NEAR)


def _around_its_time(
    round_trips: RoundTrips, keys: Keys, record: JobRecord | None
) -> Iterator[tuple[_Where, _Part]]:
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
    where: _Where = Location.PENDING, key, "right"
    yield where, (start, 2 * NEAR)
    yield where, (start + 2 * NEAR, STEP)


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


def _lists(keys: Keys, queues: Sequence[str], record: JobRecord | None) -> Iterator[_Where]:
    """Where the job may be, the likeliest first."""
    explaining = _location_by(record)
    if explaining is Location.FINISHED:
        return
    if record is not None and record.worker and record.queue and explaining is Location.ACTIVE:
        yield Location.ACTIVE, keys.active(record.worker, record.queue), "left"
    home = [record.queue] if record is not None and record.queue else []
    names = list(dict.fromkeys([*home, *queues]))
    locations: list[_Where] = [
        (Location.DEAD, keys.dead, "left"),
        (Location.DELAYED, keys.delayed, "score"),
        *((Location.PENDING, keys.queue(name), "right") for name in names),
    ]
    yield from sorted(locations, key=lambda each: each[0] is not explaining)


def _location_by(record: JobRecord | None) -> Location | None:
    if record is None or not isinstance(record.status, Status):
        return None
    return _LOCATIONS[record.status]


def _search(
    round_trips: RoundTrips,
    where: tuple[str, Order],
    job_id: str,
    until: float,
    part: _Part,
) -> Iterator[Found]:
    start, most = part
    end = None if most is None else start + most
    while end is None or start < end:
        count = STEP if end is None else end - start
        found = round_trips.ask(round_trips.queries.find(*where, start, count, job_id))
        if found.location is not None:
            yield found
            # The id stood in another job's arguments, if the search comes back.
            start = found.location + 1
        else:
            start += found.looked
        if not found.looked or time.monotonic() > until:
            return
