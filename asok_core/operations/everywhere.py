"""All jobs, wherever they are, and what may be missing of them since jobs move meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from asok_core.backends.roles import Reader
from asok_core.inspection.audit import Activities
from asok_core.inspection.elsewhere import FoundLists
from asok_core.inspection.job_detail import MOVED, NOT_ALL_HELD, NOT_ALL_LISTS, earlier_trash
from asok_core.inspection.rows import Page, Row, running_rows
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location

PAGE = 200
OPERATIONS = 1_000
"""Latest operations in whose trash jobs are looked for."""

Gaps: TypeAlias = dict[str, None]
"""What may be missing of what a search has met, in the order in which that was noticed."""


def completed(reader: Reader, row: Row) -> Row:
    """The row with all of its bytes; as it is where its job is no longer found."""
    detail = reader.job(row.payload.id, near=row) if row.partial and row.payload.id else None
    if detail is None or detail.payload is None:
        return row
    return replace(row, payload=detail.payload)


def pages(read: Callable[[int, int], Page]) -> Iterator[Sequence[Row]]:
    """The rows of all pages that ``read(start, count)`` gives."""
    start = 0
    while (page := read(start, PAGE).readable()).rows:
        yield page.rows
        start += len(page.rows)


class AllJobs:
    """All jobs, wherever they are. ``gaps`` are what may be missing, once they were gone through.

    A job that moves from where is still to be read to where was read already is not met.
    The trash of each of ``operations`` is searched: to find all of it would take a SCAN of all keys.
    """

    def __init__(self, reader: Reader, operations: Activities) -> None:
        self.gaps: Gaps = {}
        self._reader = reader
        self._operations = operations
        self._unread: list[Page] = []

    def rows(self, *, whole: bool) -> Iterator[Sequence[Row]]:
        """The jobs, some at once. Raises Refused at the end where one of the keys could not be read."""
        before, lists = self._reader.snapshot(), self._reader.lists()
        held = self._held(before, whole=whole)
        yield held
        yield from self._scanned(Location.DEAD, whole=whole)
        yield from self._scanned(Location.DELAYED, whole=whole)
        named = [queue.name for queue in before.queues if not queue.problem]
        for name in dict.fromkeys((*named, *lists.queues)):
            yield from self._scanned(Location.PENDING, name, whole=whole)
        for name in before.held_lists:
            yield from self._scanned(Location.HELD, name, whole=whole)
        for each in self._operations:
            if each.in_trash:
                yield from self._scanned(Location.TRASH, each.operation, whole=whole)
        # What was claimed before its queue was read is held now, or has ended.
        after, met = self._reader.snapshot(), {row.key for row in held}
        yield [row for row in self._held(after, whole=whole) if row.key not in met]
        # Last: a dead job is listed here as well, and is to be met where it is.
        yield from pages(self._reader.recent)
        self._compare(before, after, lists)
        for page in self._unread:
            page.readable()
        self._operations.readable()

    def _scanned(
        self, location: Location, of: str | None = None, *, whole: bool
    ) -> Iterator[Sequence[Row]]:
        for page in self._reader.scan(location, of, whole=whole):
            if page.missed:
                self.gaps[MOVED] = None
            if page.problem and location in (Location.DEAD, Location.DELAYED):
                self._unread.append(page)
            yield page.rows

    def _held(self, snapshot: Snapshot, *, whole: bool) -> Sequence[Row]:
        """What workers hold, as far as the snapshot names it."""
        running = running_rows(snapshot)
        if snapshot.active > len(running):
            self.gaps[NOT_ALL_HELD] = None
        return [completed(self._reader, row) for row in running] if whole else running

    def _compare(self, before: Snapshot, after: Snapshot, lists: FoundLists) -> None:
        if _state_of(before) != _state_of(after):
            self.gaps[MOVED] = None
        held = {(row.worker, row.queue) for row in running_rows(before)}
        if after.unread or not held.issuperset(lists.active):
            self.gaps[NOT_ALL_HELD] = None
        if not lists.whole:
            self.gaps[NOT_ALL_LISTS] = None
        if len(self._operations) >= OPERATIONS:
            self.gaps[earlier_trash(OPERATIONS)] = None


def _state_of(snapshot: Snapshot) -> object:
    """What is the same in two snapshots if no job moved in between, as far as these show it."""
    return (
        frozenset(row.key for row in running_rows(snapshot)),
        tuple((each.name, each.pending, each.oldest_at) for each in snapshot.queues),
        (snapshot.active, snapshot.delayed, snapshot.next_due_at),
        (snapshot.dead, snapshot.dead_head),
        snapshot.server.run_id,
    )
