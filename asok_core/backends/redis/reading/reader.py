"""The reading side on Redis: no writing command, and a cost that does not grow with queues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import redis

from asok_core.backends.redis import parsing
from asok_core.backends.redis.bounded_records import WHOLE
from asok_core.backends.redis.connection import ConnectionPool, Endpoint
from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import FINE, Keys
from asok_core.backends.redis.reading.queries import (
    UNBOUNDED,
    Order,
    Query,
    ScriptQueries,
    Window,
    maybe,
)
from asok_core.backends.redis.reading.round_trips import (
    Queries,
    RoundTripMaker,
    RoundTrips,
    ScriptsForbidden,
)
from asok_core.backends.redis.reading.snapshots import CLIP, LONGEST_NAME, RECORDS, SnapshotTaker
from asok_core.inspection.partial_payload import Item, PartialPayloads
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.snapshot import (
    Bucket,
    JobDetail,
    KeyCheck,
    Page,
    Row,
    Snapshot,
    running_rows,
)
from asok_core.jobs.envelope import Keyring, Payload, Trust
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location

if TYPE_CHECKING:
    from asok_core.inspection.audit import Activities, Trash

T = TypeVar("T")
_WindowOf: TypeAlias = Callable[[int, int], Query[Window]]


class RedisReader:
    """Looks at queues, workers and jobs. One object serves any number of threads.

    ``configured`` are the queues that are shown even when nothing was ever put into them. With a
    ``keyring`` signatures are checked; without one no payload is more than unverified. Everything comes
    as it may be shown, by ``redaction``; without one, what tasks declare is hidden.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        configured: Sequence[str] = ("default",),
        keyring: Keyring | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self.keys = keys
        self.endpoint = endpoint
        self._round_trips = RoundTripMaker(ConnectionPool(endpoint))
        self._keyring = keyring
        self._redaction = redaction or Redaction()
        self._payloads = PartialPayloads(keyring, self._redaction)
        self._queries: Queries = ScriptQueries(keys)
        self._taker = SnapshotTaker(keys, configured, endpoint.shown, self._redaction)
        self._names: tuple[str, ...] = tuple(configured)
        self._memory = threading.Lock()

    def snapshot(self, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """The state of everything, in three round trips (four where scripts are forbidden).

        Without ``rates`` no statistics are read, which is all that a single look needs. Without
        ``jobs`` the running jobs are counted, and named as they were when last read.
        """
        with self._memory:
            snapshot = self._asked(
                lambda round_trips: self._taker.take(round_trips, rates=rates, jobs=jobs)
            )
            self._names = tuple(queue.name for queue in snapshot.queues)
        return snapshot

    def history(self, queue: str | None, width: int, count: int) -> tuple[Bucket, ...]:
        """``count`` buckets of ``width`` seconds (10 or 60), oldest first; None: all queues.

        The first call for a stretch reads all of it, later ones only what is new.
        """
        from asok_core.backends.redis.reading.history import read_history

        with self._memory:
            memory = self._taker.fine if width == FINE else self._taker.coarse
            names = self._names if queue is None else (queue,)
            return self._asked(lambda round_trips: read_history(round_trips, memory, names, count))

    def pending(self, queue: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Pending jobs in execution order."""
        return self.next_jobs([queue], count, start=start, whole=whole)[queue]

    def next_jobs(
        self, queues: Sequence[str], count: int, *, start: int = 0, whole: bool = False
    ) -> dict[str, Page]:
        """The next ``count`` jobs of each of ``queues`` in execution order, in one round trip."""

        def read(round_trips: RoundTrips) -> dict[str, Page]:
            keys = [self.keys.queue(queue) for queue in queues]
            asking = [_window_of(round_trips, key, "right", whole=whole) for key in keys]
            windows = round_trips.ask([of(start, count) for of in asking])
            pages = {}
            for queue, of, window in zip(queues, asking, windows, strict=True):
                full = self._filled(round_trips, window, of, start, count)
                pages[queue] = self._page(full, Location.PENDING, start, queue)
            return pages

        return self._asked(read)

    def delayed(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Delayed jobs, soonest first, with their records."""

        def read(round_trips: RoundTrips) -> Page:
            of = _window_of(round_trips, self.keys.delayed, "score", whole=whole)
            window = self._window(round_trips, of, start, count)
            return self._with_records(round_trips, self._page(window, Location.DELAYED, start))

        return self._asked(read)

    def due(self, now: float, width: float, count: int) -> tuple[int, ...]:
        """How many delayed jobs fall due in each of ``count`` stretches of ``width`` seconds.

        The first stretch begins ``now`` (epoch seconds); what is due already is in none.
        """
        edges = [now + width * at for at in range(count + 1)]
        asked = [
            maybe("ZCOUNT", self.keys.delayed, f"({start:.6f}", f"{end:.6f}")
            for start, end in pairwise(edges)
        ]
        return tuple(each or 0 for each in self._asked(lambda round_trips: round_trips.ask(asked)))

    def dead(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Dead jobs, newest first."""

        def read(round_trips: RoundTrips) -> Page:
            of = _window_of(round_trips, self.keys.dead, "left", whole=whole)
            window = self._window(round_trips, of, start, count)
            return self._page(window, Location.DEAD, start)

        return self._asked(read)

    def running(self) -> tuple[Row, ...]:
        """Jobs that workers hold right now, longest first; those not begun yet come last."""
        return running_rows(self.snapshot())

    def recent(self, start: int, count: int) -> Page:
        """Jobs that finished lately, newest first, with their records.

        Their envelopes are gone: ``payload`` has no job, and the record says what there is.
        """

        def read(round_trips: RoundTrips) -> Page:
            asked = [Query((("LLEN", self.keys.recent),), _length_or_problem(self.keys.recent))]
            if count > 0:
                # Up to the index before 0 would be everything.
                window = ("LRANGE", self.keys.recent, start, start + count - 1)
                asked.append(maybe(*round_trips.queries.clipped(CLIP, *window)))
            total, *found = round_trips.ask(asked)
            names = [parsing.text(each) for ids in found for each in ids or ()]
            records = self._records(round_trips, names)
            rows = [_finished_row(start + at, name, records) for at, name in enumerate(names)]
            if isinstance(total, str):
                return Page(start, 0, (), total)
            return Page(start, total, tuple(rows))

        return self._asked(read)

    def records(self, job_ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of some jobs by id; those without one are left out."""
        return self._asked(lambda round_trips: self._records(round_trips, job_ids))

    def job(
        self, job_id: str, *, near: Row | None = None, patience: float | None = None
    ) -> JobDetail | None:
        """All there is of one job, or None.

        A job is looked for in bounded steps and for ``patience`` seconds at most; where that is not
        enough ``complete`` is False. ``near``: where a list showed it.
        """
        from asok_core.backends.redis.reading.search import LONGEST, find_job

        detail = self._asked(
            lambda round_trips: find_job(
                round_trips,
                self.keys,
                self._names,
                self._keyring,
                job_id,
                near=near,
                patience=LONGEST if patience is None else patience,
            )
        )
        return self._shown(detail) if detail is not None else None

    def _shown(self, detail: JobDetail) -> JobDetail:
        redaction, payload, record = self._redaction, detail.payload, detail.record
        job = payload.job if payload else None
        return detail._replace(
            record=redaction.record(record, job) if record else None,
            payload=redaction.payload(payload) if payload else None,
            attempts=tuple(
                each._replace(error=redaction.text(each.error, job)) for each in detail.attempts
            ),
        )

    def scan(
        self, location: Location, queue: str | None = None, batch: int = 500, *, whole: bool = False
    ) -> Iterator[Page]:
        """Every row of a place in windows from the oldest end (delayed: the soonest), for searches.

        Safe while the list grows at its other end. ``Page.start`` and ``Row.position`` count from
        where the walk began; ``total`` is the length at that moment. ``queue`` is for pending jobs.
        Delayed jobs come with their records. ``whole``: large jobs with all of their bytes.
        A key of another type is one page without rows, whose ``problem`` says so.
        """
        if location is Location.DELAYED:
            return self._scan_delayed(batch, _bound(whole))
        if location is Location.DEAD:
            return self._scan_list(self.keys.dead, location, None, batch, _bound(whole))
        name = queue or "default"
        return self._scan_list(self.keys.queue(name), location, name, batch, _bound(whole))

    def activity(self, count: int) -> Activities:
        """What operators did lately, newest first, with what can still be undone."""
        from asok_core.backends.redis.audit import read_activity

        return self._asked(
            lambda round_trips: read_activity(round_trips.connection, self.keys, count)
        )

    def trash(self, operations: Iterable[str] | None = None) -> Trash:
        """How many jobs the trash of some operations holds; None: of all, by a SCAN over all keys."""
        from asok_core.backends.redis.reading.trash import read_trash

        return self._asked(
            lambda round_trips: read_trash(round_trips.connection, self.keys, operations)
        )

    def check_key(self) -> KeyCheck:
        """Verify a small sample of the signatures; nothing is sampled without SECRET_KEY."""
        from asok_core.backends.redis.reading.key_check import check_key

        keyring = self._keyring
        if keyring is None:
            return KeyCheck()
        return self._asked(
            lambda round_trips: check_key(round_trips, self.keys, keyring, self._names)
        )

    def close(self) -> None:
        """Close the connections."""
        self._round_trips.close()

    def _scan_list(
        self, key: str, location: Location, queue: str | None, batch: int, whole: int
    ) -> Iterator[Page]:
        start = 0
        while True:

            def read(round_trips: RoundTrips, start: int = start) -> Window:
                query = round_trips.queries.window(key, "right", start, batch, whole=whole)
                window: Window = round_trips.ask([query])[0]
                return window

            window = self._asked(read)
            page = self._page(window, location, start, queue)
            if window.taken or page.problem:
                yield page
            start += window.taken
            if not window.taken or start >= page.total:
                return

    def _scan_delayed(self, batch: int, whole: int) -> Iterator[Page]:
        key, start, same, least = self.keys.delayed, 0, 0, "-inf"
        while True:

            def read(
                round_trips: RoundTrips, start: int = start, same: int = same, least: str = least
            ) -> tuple[Window, Page]:
                query = round_trips.queries.window(
                    key, "score", same, batch, whole=whole, least=least
                )
                window: Window = round_trips.ask([query])[0]
                page = self._page(window, Location.DELAYED, start)
                return window, self._with_records(round_trips, page)

            window, page = self._asked(read)
            if window.taken or page.problem:
                yield page
            if not window.taken:
                return
            start += window.taken
            # By score and not by place: what falls due in between would shift the places.
            last = window.items[-1].score if window.items else None
            if last is None:
                return
            tied = sum(item.score == last for item in window.items)
            same = same + tied if least == repr(last) else tied
            least = repr(last)

    def _with_records(self, round_trips: RoundTrips, page: Page) -> Page:
        records = self._records(round_trips, [row.payload.id for row in page.rows])
        return page._replace(
            rows=tuple(replace(row, record=records.get(row.payload.id)) for row in page.rows)
        )

    def _asked(self, read: Callable[[RoundTrips], T]) -> T:
        try:
            with self._round_trips.begin(self._queries) as round_trips:
                return read(round_trips)
        except ScriptsForbidden:
            from asok_core.backends.redis.reading.plain_commands import PlainQueries

            self._queries = PlainQueries(self.keys)
        with self._round_trips.begin(self._queries) as round_trips:
            return read(round_trips)

    def _window(self, round_trips: RoundTrips, of: _WindowOf, start: int, count: int) -> Window:
        return self._filled(round_trips, round_trips.ask([of(start, count)])[0], of, start, count)

    def _filled(
        self, round_trips: RoundTrips, window: Window, of: _WindowOf, start: int, count: int
    ) -> Window:
        # Items of megabytes come a few at a time, so that Redis is never held up for long.
        while window.taken < min(count, (window.total or 0) - start):
            at = window.taken
            more = round_trips.ask([of(start + at, count - at)])[0]
            if not more.taken:
                break
            window = Window(more.total, at + more.taken, window.items + more.items)
        return window

    def _records(self, round_trips: RoundTrips, ids: Sequence[str]) -> dict[str, JobRecord]:
        wanted = list(dict.fromkeys(each for each in ids if each))
        batches = [wanted[at : at + RECORDS] for at in range(0, len(wanted), RECORDS)]
        found: dict[str, JobRecord] = {}
        for part in round_trips.ask([round_trips.queries.records(batch) for batch in batches]):
            found |= part
        return {each: self._redaction.record(record) for each, record in found.items()}

    def _page(
        self, window: Window, location: Location, start: int, queue: str | None = None
    ) -> Page:
        rows = tuple(
            self._row(start + at, item, location, queue) for at, item in enumerate(window.items)
        )
        kind = "sorted set" if location is Location.DELAYED else "list"
        problem = ""
        if window.total is None:
            shared = {Location.DEAD: self.keys.dead, Location.DELAYED: self.keys.delayed}
            key = shared.get(location) or self.keys.queue(queue or "default")
            problem = _not_a(kind, key)
        return Page(start, window.total or 0, rows, problem)

    def _row(self, position: int, item: Item, location: Location, queue: str | None) -> Row:
        payload = self._payloads.of(item)
        return Row(
            position=position,
            payload=payload,
            location=location,
            # Dead letters and delayed jobs say themselves where they belong.
            queue=queue or (payload.job.queue if payload.job else ""),
            at=payload.failed_at if location is Location.DEAD else item.score,
        )


def _window_of(round_trips: RoundTrips, key: str, order: Order, *, whole: bool) -> _WindowOf:
    def of(start: int, count: int) -> Query[Window]:
        return round_trips.queries.window(key, order, start, count, whole=_bound(whole))

    return of


def _not_a(kind: str, key: str) -> str:
    return f"The key {key} is not a {kind}: its jobs cannot be read."


def _length_or_problem(key: str) -> Callable[[Sequence[Any]], int | str]:
    """How long the list is, or why that cannot be known."""

    def read(replies: Sequence[Any]) -> int | str:
        if wrong_type(replies[0]):
            return _not_a("list", key)
        if isinstance(replies[0], redis.RedisError):
            return f"The key {key} cannot be read: {replies[0]}."
        return int(replies[0])

    return read


def _bound(whole: bool) -> int:
    """Bytes up to which jobs are read whole."""
    return UNBOUNDED if whole else WHOLE


def _finished_row(position: int, job_id: str, records: dict[str, JobRecord]) -> Row:
    record = records.get(job_id)
    raw = job_id.encode("utf-8", "surrogateescape")
    long = len(raw) > LONGEST_NAME
    problem = f"its id is longer than {LONGEST_NAME:,} bytes" if long else None
    return Row(
        position=position,
        payload=Payload(raw[:LONGEST_NAME], None, Trust.UNVERIFIED, problem),
        location=Location.FINISHED,
        queue=(record.queue if record else None) or "",
        at=(record.finished_at or record.ts) if record else None,
        record=record,
    )
