"""Windows of lists as pages of rows, and walks over whole lists for searches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TypeAlias

from asok_core.backends.redis import parsing
from asok_core.backends.redis.bounded_records import WHOLE
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.finished_jobs import finished_jobs, finished_row, not_a
from asok_core.backends.redis.reading.queries import UNBOUNDED, ListWindow, Order, WindowOptions
from asok_core.backends.redis.reading.query import Query, by_key, in_order, maybe
from asok_core.backends.redis.reading.round_trips import Queries, ReaderSession, RoundTrips
from asok_core.backends.redis.reading.sampling import sample_list
from asok_core.backends.redis.reading.walk_position import WalkPosition
from asok_core.inspection.partial_payload import ListElement, PartialPayloads
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.sample import JobSample, SampledRange
from asok_core.jobs.job import JobRecord
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location

_WindowOf: TypeAlias = Callable[[int, int], Query[ListWindow]]


STEP_BYTES = 1 << 19
"""Bytes that one command of a walk through a list reads, where its elements are like those before."""


class PageReader:
    """Reads windows of the lists of jobs. Jobs come as they may be shown, by ``redaction``."""

    def __init__(
        self, session: ReaderSession, keys: Keys, keyring: Keyring | None, redaction: Redaction
    ) -> None:
        self.keys = keys
        self._session = session
        self._keyring = keyring
        self._redaction = redaction
        self._payloads = PartialPayloads(keyring, redaction)

    def pending(self, queue: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Pending jobs in execution order."""
        return self.next_jobs([queue], count, start=start, whole=whole)[queue]

    def next_jobs(
        self, queues: Sequence[str], count: int, *, start: int = 0, whole: bool = False
    ) -> dict[str, Page]:
        """The next ``count`` jobs of each of ``queues`` in execution order, in one round trip."""

        def read(round_trips: RoundTrips) -> dict[str, Page]:
            windows = {
                queue: _window_of(round_trips.queries, self.keys.queue(queue), "right", whole=whole)
                for queue in queues
            }
            found = round_trips.ask(by_key({q: of(start, count) for q, of in windows.items()}))
            return {
                queue: self._page(
                    _filled(round_trips, found[queue], of, start, count),
                    Location.PENDING,
                    start,
                    queue,
                )
                for queue, of in windows.items()
            }

        return self._session.run(read)

    def delayed(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Delayed jobs, soonest first, with their records."""

        def read(round_trips: RoundTrips) -> Page:
            of = _window_of(round_trips.queries, self.keys.delayed, "score", whole=whole)
            window = _filled(round_trips, round_trips.ask(of(start, count)), of, start, count)
            return self._with_records(round_trips, self._page(window, Location.DELAYED, start))

        return self._session.run(read)

    def held(self, name: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Held jobs of the list ``{hold}:{queue}``, in the order in which they would have started."""

        def read(round_trips: RoundTrips) -> Page:
            of = _window_of(round_trips.queries, self.keys.held_list(name), "right", whole=whole)
            window = _filled(round_trips, round_trips.ask(of(start, count)), of, start, count)
            return self._page(window, Location.HELD, start, name)

        return self._session.run(read)

    def dead(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Dead jobs, newest first."""

        def read(round_trips: RoundTrips) -> Page:
            of = _window_of(round_trips.queries, self.keys.dead, "left", whole=whole)
            window = _filled(round_trips, round_trips.ask(of(start, count)), of, start, count)
            return self._page(window, Location.DEAD, start)

        return self._session.run(read)

    def recent(self, start: int, count: int) -> Page:
        """Jobs that finished lately, newest first, with their records.

        Their envelopes are gone: ``payload`` has no job, and the record has what is known.
        """

        def read(round_trips: RoundTrips) -> Page:
            total, found = round_trips.ask(
                finished_jobs(round_trips.queries, self.keys.recent, start, count)
            )
            ids = [parsing.text(each) for each in found or ()]
            records = self._records(round_trips, ids)
            if isinstance(total, str):
                return Page(start, 0, (), total)
            rows = tuple(finished_row(start + at, each, records) for at, each in enumerate(ids))
            return Page(start, total, rows)

        return self._session.run(read)

    def due(self, now: float, width: float, count: int) -> tuple[int, ...]:
        """How many delayed jobs are due in each of ``count`` intervals of ``width`` seconds.

        The first interval begins ``now`` (epoch seconds); what is due already is in none.
        """
        edges = [now + width * at for at in range(count + 1)]
        counts = in_order(
            maybe("ZCOUNT", self.keys.delayed, f"({start:.6f}", f"{end:.6f}")
            for start, end in pairwise(edges)
        )
        return tuple(each or 0 for each in self._session.ask(lambda _: counts))

    def sample(self, location: Location, queue: str | None = None) -> JobSample:
        """All jobs of a short location, or a random sample of a long one. ``queue``: of pending jobs.

        Delayed jobs come without their records.
        """
        key, order = self._list_of(location, queue)
        # It chooses what is read, and nothing secret.
        chance = random.Random()  # noqa: S311 # nosec B311
        # Not those of the lists on the screen: thousands of other jobs would displace them.
        payloads = PartialPayloads(self._keyring, self._redaction)

        def read(round_trips: RoundTrips) -> JobSample:
            found = sample_list(round_trips, key, order, chance)
            parts = tuple(
                SampledRange(
                    each.length,
                    tuple(
                        self._row(at, item, location, queue, payloads)
                        for at, item in enumerate(each.items)
                    ),
                )
                for each in found.parts
            )
            problem = self._problem(location, queue) if found.total is None else ""
            return JobSample(found.total or 0, parts, found.taken_at, problem)

        return self._session.run(read)

    def records(self, job_ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of some jobs by id; those without one are left out."""
        return self._session.run(lambda round_trips: self._records(round_trips, job_ids))

    def scan(
        self, location: Location, queue: str | None = None, batch: int = 500, *, whole: bool = False
    ) -> Iterator[Page]:
        """Every row of a location in windows from the oldest end (delayed: the soonest), for searches.

        Safe while others push, take and remove jobs: what stays in the location all the while is met.
        Where jobs may have left it unread, a page is ``missed``. ``total`` and the positions of pending
        and dead jobs are those of the moment when the page was read. ``queue`` is for pending jobs; of the
        trash it is the id of the operation, and of held jobs ``{hold}:{queue}``. Delayed jobs come with
        their records. ``whole``: large jobs with all of their bytes.
        A key of another type is one page without rows, whose ``problem`` says so.
        """
        if location is Location.DELAYED:
            return self._scan_delayed(batch, whole=whole)
        if location is Location.PENDING:
            queue = queue or "default"
        return self._scan_list(location, queue, batch, whole=whole)

    def _scan_list(
        self, location: Location, queue: str | None, batch: int, *, whole: bool
    ) -> Iterator[Page]:
        key, _ = self._list_of(location, queue)
        position, at_once = WalkPosition(), 1
        while True:
            start, count = position.ask(batch)

            def query(
                queries: Queries, start: int = start, count: int = count, at_once: int = at_once
            ) -> Query[ListWindow]:
                options = WindowOptions(at_once, _bound(whole))
                return queries.window(key, "right", start, count, options)

            window = self._session.ask(query)
            # Each command walks to its index: neighbours are alike, so one may read as many at once.
            largest = max((item.size for item in window.items), default=STEP_BYTES)
            at_once = max(1, min(2 * batch, STEP_BYTES // max(largest, 1)))
            new = position.take(window)
            if new is None:
                continue
            found = ListWindow(window.total, len(new), new)
            page = self._page(found, location, position.first, queue)
            if new or page.problem or position.missed:
                yield page._replace(missed=position.missed)
            if position.passed >= page.total:
                return

    def _scan_delayed(self, batch: int, *, whole: bool) -> Iterator[Page]:
        position, seen, least, missed = WalkPosition(), 0, "-inf", False
        while True:
            start, count = position.ask(batch)

            def read(
                round_trips: RoundTrips, start: int = start, count: int = count, least: str = least
            ) -> ListWindow:
                options = WindowOptions(whole=_bound(whole), least=least)
                return round_trips.ask(
                    round_trips.queries.window(self.keys.delayed, "score", start, count, options)
                )

            window = self._session.run(read)
            new = position.take(window)
            missed = missed or position.missed
            if new is None:
                continue
            page = self._page(ListWindow(window.total, len(new), new), Location.DELAYED, seen)
            if new or page.problem or missed:
                yield self._session.run(partial(self._with_records, page=page))._replace(
                    missed=missed
                )
            if not new:
                return
            seen += len(new)
            # By score and not by position: what becomes due in between would shift the positions.
            last = new[-1].score
            if last is None:
                return
            if least != repr(last):
                tied = [item for item in new if item.score == last]
                position, least = WalkPosition(tied), repr(last)

    def _with_records(self, round_trips: RoundTrips, page: Page) -> Page:
        records = self._records(round_trips, [row.payload.id for row in page.rows])
        return page._replace(
            rows=tuple(replace(row, record=records.get(row.payload.id)) for row in page.rows)
        )

    def _records(self, round_trips: RoundTrips, ids: Sequence[str]) -> dict[str, JobRecord]:
        found = round_trips.ask(round_trips.queries.records([each for each in ids if each]))
        return {each: self._redaction.record(record) for each, record in found.items()}

    def _page(
        self, window: ListWindow, location: Location, start: int, queue: str | None = None
    ) -> Page:
        rows = tuple(
            self._row(start + at, item, location, queue) for at, item in enumerate(window.items)
        )
        problem = self._problem(location, queue) if window.total is None else ""
        return Page(start, window.total or 0, rows, problem)

    def _list_of(self, location: Location, queue: str | None) -> tuple[str, Order]:
        if location is Location.DELAYED:
            return self.keys.delayed, "score"
        if location is Location.DEAD:
            return self.keys.dead, "left"
        if location is Location.TRASH:
            return self.keys.trash(queue or ""), "right"
        if location is Location.HELD:
            return self.keys.held_list(queue or ""), "right"
        return self.keys.queue(queue or "default"), "right"

    def _problem(self, location: Location, queue: str | None) -> str:
        key, order = self._list_of(location, queue)
        return not_a("sorted set" if order == "score" else "list", key)

    def _row(
        self,
        position: int,
        item: ListElement,
        location: Location,
        queue: str | None,
        payloads: PartialPayloads | None = None,
    ) -> Row:
        payload = (payloads or self._payloads).of(item)
        return Row(
            position=position,
            payload=payload,
            location=location,
            # Dead and delayed jobs hold the name of their queue, and so do those in the trash.
            queue=(queue if location is Location.PENDING else None)
            or (payload.job.queue if payload.job else ""),
            at=payload.failed_at if location is Location.DEAD else item.score,
        )


def _window_of(queries: Queries, key: str, order: Order, *, whole: bool) -> _WindowOf:
    def of(start: int, count: int) -> Query[ListWindow]:
        return queries.window(key, order, start, count, WindowOptions(whole=_bound(whole)))

    return of


def _filled(
    round_trips: RoundTrips, window: ListWindow, of: _WindowOf, start: int, count: int
) -> ListWindow:
    # Items of megabytes come a few at a time, so that Redis is never blocked for long.
    while window.taken < min(count, (window.total or 0) - start):
        at = window.taken
        more = round_trips.ask(of(start + at, count - at))
        if not more.taken:
            break
        window = ListWindow(more.total, at + more.taken, window.items + more.items)
    return window


def _bound(whole: bool) -> int:
    """Bytes up to which jobs are read whole."""
    return UNBOUNDED if whole else WHOLE
