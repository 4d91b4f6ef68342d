"""Finding one job by its id. Its record says where to look; the looking is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain, starmap
from typing import Any, NamedTuple

from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.audit import VALID_ID, fields_of
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.members import STEP as MEMBERS
from asok_core.backends.redis.reading.likely_locations import (
    ALL,
    STEP,
    Part,
    Where,
    around,
    around_its_time,
    lists,
    location_by,
)
from asok_core.backends.redis.reading.limits import read_bucket
from asok_core.backends.redis.reading.notes import note_on_job
from asok_core.backends.redis.reading.queries import FoundElement, Order
from asok_core.backends.redis.reading.query import by_key, maybe, named, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.backends.redis.search_position import SearchPosition
from asok_core.inspection.elsewhere import FoundLists
from asok_core.inspection.job_detail import (
    MOVED,
    NO_AUDIT,
    TOO_LONG,
    JobDetail,
    Move,
    earlier_trash,
)
from asok_core.inspection.job_events import TO_TRASH
from asok_core.inspection.notes import OperatorNote
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import JobRecord
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.limits import BUCKET
from asok_core.jobs.numbers import count, number
from asok_core.jobs.states import Location, Status

LONGEST = 0.5
"""Seconds that the search through lists may take in all, where a screen waits for it."""
OPERATIONS, MORE_OPERATIONS = 50, 1_000
"""Newest operations in whose trash a job is looked for that is nowhere else; more if there is time for it,
or if a list showed it."""
ENTRIES = 200
"""Entries of the audit that one command reads: about 1.5 ms of Redis."""
_QUEUED = (Location.PENDING, Location.HELD)


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
    others: FoundLists | None = None,
    patience: float = LONGEST,
) -> JobDetail:
    """All there is of a job, which may be nothing.

    It is looked for where a list showed it (``near``), then wherever it may be, for as long as
    ``patience`` (seconds) allows: ``gaps`` are where it may be although it was not found. ``others``: only
    in these lists.
    """
    known = _read_known(round_trips, keys, job_id)
    search = _ListSearch(round_trips, keys, keyring, known, time.monotonic() + patience)
    if others is not None:
        detail = search.among(others, queues)
        return detail or known._replace(gaps=tuple(search.gaps))
    if detail := search.in_locations(near, queues):
        return detail
    if _may_be_in_trash(known.record):
        shown = near is not None and near.location is Location.TRASH
        most = MORE_OPERATIONS if shown or patience > LONGEST else OPERATIONS
        if detail := search.in_trash(most):
            return detail
    if location_by(known.record) is Location.FINISHED:
        return known._replace(location=Location.FINISHED, gaps=tuple(search.gaps))
    again = round_trips.ask(round_trips.queries.records([job_id])).get(job_id)
    if _state_of(again) != _state_of(known.record):
        search.gaps[MOVED] = None
    return known._replace(gaps=tuple(search.gaps))


class _ListSearch:
    """Looks for a job in lists. ``gaps`` are where it may be although it was not found."""

    def __init__(
        self,
        round_trips: RoundTrips,
        keys: Keys,
        keyring: Keyring | None,
        known: JobDetail,
        until: float,
    ) -> None:
        self.gaps: dict[str, None] = {}
        self._round_trips, self._keys, self._keyring = round_trips, keys, keyring
        self._known, self._until = known, until

    def in_locations(self, near: Row | None, queues: Sequence[str]) -> JobDetail | None:
        """The job where it was shown, where its record leads to, or in any of these queues."""
        record = self._known.record
        locations = chain(
            around(self._keys, near),
            around_its_time(self._round_trips, self._keys, record),
            ((each, ALL) for each in lists(self._keys, queues, record)),
            self._held_lists(),
        )
        return next(filter(None, starmap(self._held_by, locations)), None)

    def _held_lists(self) -> Iterator[tuple[Where, Part]]:
        """Every list of held jobs: the record of one may be gone."""
        if location_by(self._known.record) is Location.FINISHED:
            return
        scanned = self._round_trips.ask(maybe("SSCAN", self._keys.held_lists, 0, "COUNT", MEMBERS))
        for name in sorted(scanned[1]) if scanned else ():
            yield (Location.HELD, self._keys.held_list(parsing.text(name)), "right"), ALL

    def among(self, others: FoundLists, searched: Sequence[str]) -> JobDetail | None:
        """The job in what processes hold, or in queues that were not searched."""
        queues = [each for each in others.queues if each not in searched]
        locations: list[Where] = [
            *((Location.ACTIVE, self._keys.active(*each), "left") for each in others.active),
            *((Location.PENDING, self._keys.queue(each), "right") for each in queues),
        ]
        return next(filter(None, (self._held_by(each, ALL) for each in locations)), None)

    def in_trash(self, most: int) -> JobDetail | None:
        """The job in the trash of what its record names, or of ``most`` newest operations."""
        moves = self._known.moves
        for move in _trashed(self._round_trips, self._keys, moves, most, self.gaps):
            where: Where = Location.TRASH, self._keys.trash(move.detail), "left"
            if detail := self._held_by(where, ALL):
                moves = moves if move in moves else (*moves, move)
                return detail._replace(moves=moves, operation=move.detail)
        return None

    def _held_by(self, where: Where, part: Part) -> JobDetail | None:
        location, key, order = where
        met = search_list(
            self._round_trips, (key, order), self._known.id, self._until, part, gaps=self.gaps
        )
        for found in met:
            payload = peek(found.item, self._keyring)
            if payload.id == self._known.id:
                parts = self._keys.active_parts(key)
                worker = worker_of(parts[0]) if parts else None
                hold, queue = self._keys.held_parts(key) or ("", "")
                limited = hold.startswith(BUCKET)
                return self._known._replace(
                    location=location,
                    payload=payload,
                    due_at=found.score,
                    worker=worker,
                    process=parts[0] if parts else "",
                    position=found.location if location in _QUEUED else None,
                    hold=hold,
                    bucket=read_bucket(self._round_trips, self._keys, hold, queue)
                    if limited
                    else None,
                )
        return None


def _read_known(round_trips: RoundTrips, keys: Keys, job_id: str) -> JobDetail:
    """What is kept of a job beside its element in a list."""
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
    return JobDetail(
        id=job_id,
        record=found.records.get(job_id),
        crashes=count(found.crashes),
        attempts=record_replies.attempts(attempts),
        reports=record_replies.reports(reports),
        moves=record_replies.moves(moves),
        note=found.note,
        read_at=found.now,
    )


def _state_of(record: JobRecord | None) -> object:
    """What each move of a job changes in its record, but for a claim and what undoes it."""
    return record and (record.status, record.queue, record.ts, record.started_at)


def _may_be_in_trash(record: JobRecord | None) -> bool:
    return record is None or record.status in (Status.FAILED, Status.CANCELLED)


def _trashed(
    round_trips: RoundTrips, keys: Keys, moves: Sequence[Move], most: int, gaps: dict[str, None]
) -> Iterator[Move]:
    """What may have moved a job to the trash, the likeliest first; ``detail`` names the operation.

    A purge of a whole list writes nothing into the records of dead jobs: only the audit has it.
    """
    noted = [each for each in reversed(moves) if each.verb in TO_TRASH]
    yield from (each for each in noted if VALID_ID.fullmatch(each.detail))
    names = {each.detail for each in noted}
    end, left = "+", most
    while left:
        step = min(ENTRIES, left)
        entries = round_trips.ask(maybe("XREVRANGE", keys.audit, end, "-", "COUNT", step))
        if entries is None:
            gaps[NO_AUDIT] = None
            return
        found = dict[str, Move]()
        for _, flat in entries:
            fields = fields_of(flat)
            operation, action = fields.get("operation", ""), fields.get("action", "")
            if action in TO_TRASH and operation not in names and VALID_ID.fullmatch(operation):
                at = number(fields.get("at"))
                found[operation] = Move(at, action, fields.get("who", ""), operation)
        lengths = round_trips.ask(by_key({each: maybe("LLEN", keys.trash(each)) for each in found}))
        yield from (move for each, move in found.items() if lengths[each] != 0)
        names |= set(found)
        if len(entries) < step:
            return
        end, left = f"({parsing.text(entries[-1][0])}", left - step
    gaps[earlier_trash(most)] = None


def search_list(
    round_trips: RoundTrips,
    where: tuple[str, Order],
    job_id: str,
    until: float,
    part: Part,
    *,
    gaps: dict[str, None],
) -> Iterator[FoundElement]:
    """Each element of a part of a list that holds the text of an id.

    An element that stays in the list is found, whatever others take and return in between. ``gaps`` get
    what may have been missed.
    """
    start, most = part
    at, end = SearchPosition(start), None if most is None else start + most
    while end is None or at.start < end:
        count = STEP if end is None else min(STEP, end - at.start)
        found = round_trips.ask(round_trips.queries.find(*where, at, count, job_id))
        at.note(found.start, found.start + found.looked, found.last, found.at_once)
        if at.missed and end is None:
            gaps[MOVED] = None
        if found.location is not None:
            # The id stood in another job's arguments, if the search comes back.
            yield found
        elif found.start >= 0 and not found.looked:
            return
        if time.monotonic() > until:
            gaps[TOO_LONG] = None
            return
