"""A bulk operation: a resolved scope, gone through in atomic batches with progress and an audit entry."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.call import ScriptCall
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import REFUSALS
from asok_core.backends.redis.operating.job_builders import J, JobBuilder, SkipReason
from asok_core.backends.redis.operating.scopes import IdFilter, ResolvedScope, born_at
from asok_core.backends.redis.operating.walks import WINDOW, Walk, WalkedRange, batches
from asok_core.backends.roles import GONE, UNMET, OperationResult, Progress, Scope, Watch
from asok_core.errors import AsokError
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import JobRecord
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location

Build = Callable[[WalkedRange, Sequence[J]], ScriptCall[list[int]]]
"""The call that moves some jobs of a range."""


@dataclass(slots=True)
class BulkCounts:
    """What an action came to so far. ``missed`` are keys that were not where they had been."""

    applied: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_by_script: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Rows that are sound and were not moved, by reason."""
    missed: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)

    def count(self, keys: Sequence[str], replies: Sequence[int]) -> list[bool]:
        """Count a script's replies; returns which rows are no longer where they were."""
        left = []
        for key, reply in zip(keys, replies, strict=True):
            left.append(reply not in REFUSALS)
            if reply in REFUSALS:
                self.refused_by_script[REFUSALS[reply]] += 1
            elif reply:
                self.applied += 1
                self.missed.discard(key)
            else:
                self.missed.add(key)
        return left

    def missing(self, scope: Scope) -> frozenset[str]:
        """The ids in scope that were not found, once all of it was gone through."""
        return frozenset() if scope.ids is None else scope.ids - self.found

    def skipped(self, scope: Scope) -> dict[str, int]:
        """How many of the scope were not met, once all of it was gone through."""
        if scope.ids is not None:
            gone = len(self.missing(scope)) + len(self.missed & scope.ids)
        elif scope.match is None and scope.limit is not None:
            refused = self.refused.total() + self.refused_by_script.total()
            gone = max(0, scope.limit - self.applied - refused - self.passed_over.total())
        else:
            gone = len(self.missed)
        left_out = Counter({GONE: gone}) + self.passed_over
        if scope.match is not None and scope.expected is not None:
            refused = self.refused.total() + self.refused_by_script.total()
            met = self.applied + refused + left_out.total()
            left_out += Counter({UNMET: max(0, scope.expected - met)})
        return dict(left_out)


@dataclass(slots=True)
class BulkOperation:
    """One bulk operation from its first batch to its last."""

    connection: Connection
    operation: Operation
    scope: Scope
    resolved: ResolvedScope
    walk: Walk
    keyring: Keyring | None = None
    redaction: Redaction = field(default_factory=Redaction)
    watch: Watch | None = None
    rate: float | None = None
    raw: bytes | None = None
    """The only element that it is about."""
    thorough: bool = False
    """Whether it continues when all of its ids were found: more elements may have them."""
    counts: BulkCounts = field(default_factory=BulkCounts)
    id_filter: IdFilter = field(init=False)
    cancelled: bool = False
    _bounded: bool | None = None
    _unmoved: Callable[[Row], object] | None = None

    def __post_init__(self) -> None:
        self.id_filter = IdFilter(self.scope.ids)

    def run(
        self,
        build: Build[J],
        job_of: JobBuilder[J],
        unmoved: Callable[[Row], object] | None = None,
    ) -> OperationResult:
        """Move what is in scope. Raises Unreachable or Refused; the audit records what was done.

        ``unmoved`` is called with each row that the script did not move.
        """
        self._unmoved = unmoved
        with self.audited():
            while self._step(build, job_of):
                pass
        return self.finish("cancelled" if self.cancelled else "done")

    @contextmanager
    def audited(self) -> Iterator[None]:
        """Begin the audit entry; where the body of the ``with`` fails, the entry and the error say so."""
        self.operation.begin(self.connection)
        try:
            yield
        except AsokError as error:
            with suppress(AsokError):
                self.finish("failed")
            if not self.counts.applied:
                raise
            # The last batch may be done as well, if only its reply was lost.
            raise type(error)(
                f"{error}; at least {self.counts.applied:,} were done before that: "
                f"see {self.operation.id} in the audit"
            ) from error

    def gather(self) -> list[Row]:
        """The rows in scope, oldest first. Moves nothing."""
        rows: list[Row] = []
        while window := self._next():
            found, more = self._in_scope(window)
            rows += (row for _, row in found)
            self.walk.leave(window.elements)
            if not more:
                break
        return rows

    def finish(self, state: str, skipped: dict[str, int] | None = None) -> OperationResult:
        """Write the end into the audit, and return what was done."""
        if skipped is None:
            passed_over = self.counts.passed_over
            skipped = dict(passed_over) if self.cancelled else self.counts.skipped(self.scope)
        reasons = {f"refused:{reason}": n for reason, n in self.counts.refused.items()}
        reasons |= {f"skipped:{reason}": n for reason, n in skipped.items()}
        self.operation.finish(self.connection, state, reasons)
        return OperationResult(
            self.operation.action,
            self.counts.applied,
            skipped,
            dict(self.counts.refused + self.counts.refused_by_script),
            self.operation.id,
            self.cancelled,
            missing=frozenset() if self.cancelled else self.counts.missing(self.scope),
        )

    def _step(self, build: Build[J], job_of: JobBuilder[J]) -> bool:
        started = time.monotonic()
        window = self._next()
        if window is None:
            return False
        rows, more = self._in_scope(window)
        moved, gone = self._move(window, rows, build, job_of)
        self.walk.leave([raw for at, raw in enumerate(window.elements) if at not in gone])
        if not self._watched():
            return False
        if more and self.rate and moved:
            time.sleep(max(0.0, moved / self.rate - (time.monotonic() - started)))
        return more

    def _move(
        self,
        window: WalkedRange,
        rows: Sequence[tuple[int, Row]],
        build: Build[J],
        job_of: JobBuilder[J],
    ) -> tuple[int, set[int]]:
        """Run the script for what is chosen of ``rows``.

        Returns how many those are, and the positions of the range that are left empty.
        """
        asked: list[list[tuple[int, Row]]] = []
        calls = self._calls(asked, window, rows, build, job_of)
        gone: set[int] = set()
        for n, replies in enumerate(self.connection.run_each(calls)):
            left = self.counts.count([row.key for _, row in asked[n]], replies)
            for (_, row), reply in zip(asked[n], replies, strict=True):
                if self._unmoved is not None and reply != 1:
                    self._unmoved(row)
            gone |= {at for (at, _), is_gone in zip(asked[n], left, strict=True) if is_gone}
        return sum(map(len, asked)), gone

    def _calls(
        self,
        asked: list[list[tuple[int, Row]]],
        window: WalkedRange,
        rows: Sequence[tuple[int, Row]],
        build: Build[J],
        job_of: JobBuilder[J],
    ) -> Iterator[ScriptCall[list[int]]]:
        # Made while Redis works on the one before: that takes all it was asked to, as a rule, and
        # where it does not, the script looks around.
        taken = 0
        for batch in batches(rows):
            first, last = batch[0][0], batch[-1][0]
            part = window.part(first, last, taken)
            chosen: list[tuple[int, Row]] = []
            jobs: list[J] = []
            for at, row in batch:
                built = job_of(row, self.walk.left + at - taken - len(chosen))
                if isinstance(built, str):
                    passed = isinstance(built, SkipReason)
                    (self.counts.passed_over if passed else self.counts.refused)[built] += 1
                    continue
                chosen.append((at, row))
                jobs.append(_marked(built, at - first))
            if chosen:
                asked.append(chosen)
                taken += len(chosen)
                yield build(part, jobs)

    def _next(self) -> WalkedRange | None:
        count = min(WINDOW, self.resolved.limit - self.walk.left - self.counts.applied)
        if self.rate:
            # Small enough to be even, and for a stop to come through within half a second.
            count = min(count, math.ceil(self.rate / 2))
        if count <= 0:
            return None
        window = self.walk.window(self.connection, count)
        self._bounded = None
        if window.restarted:
            self.counts.refused.clear()
            self.counts.passed_over.clear()
        return window if window.elements else None

    def _in_scope(self, window: WalkedRange) -> tuple[list[tuple[int, Row]], bool]:
        rows = []
        records = self._records(window)
        for at, raw in enumerate(window.elements):
            if self.id_filter.may_hold(raw):
                row = self._row(window, at, raw, records)
                if self._holds(row):
                    self.counts.found.add(row.key)
                    rows.append((at, row))
            if raw == self.resolved.bound and self._is_last(raw, window.hi - at):
                return rows, False
        return rows, self._may_find_more(window)

    def _may_find_more(self, window: WalkedRange) -> bool:
        ids, counts = self.scope.ids, self.counts
        if ids is None or self.thorough or not counts.missed.isdisjoint(ids):
            return True
        return not ids <= counts.found if self.raw is None else self.raw not in window.elements

    def _records(self, window: WalkedRange) -> dict[str, JobRecord]:
        # A filter asks a delayed job for its last error, which only its record has.
        if self.scope.location is not Location.DELAYED or self.scope.match is None:
            return {}
        ids = [peek(raw).id for raw in window.elements]
        return read_bounded_records(self.connection, self.operation.keys, filter(None, ids))

    def _row(
        self, window: WalkedRange, at: int, raw: bytes, records: Mapping[str, JobRecord]
    ) -> Row:
        payload = peek(raw, self.keyring)
        queue = payload.job.queue if payload.job else ""
        if self.scope.location is Location.PENDING:
            queue = self.scope.queue or queue
        score = window.scores[at] if window.scores else None
        record = records.get(payload.id)
        return Row(self.walk.left + at, payload, self.scope.location, queue, score, record)

    def _holds(self, row: Row) -> bool:
        scope = self.scope
        if scope.ids is not None and row.key not in scope.ids:
            return False
        if scope.queue is not None and row.queue != scope.queue:
            return False
        born = born_at(row)
        if born is not None and born > self.resolved.before and not self._is_before_bound():
            return False
        if scope.match is None:
            return True
        # A filter finds here what it finds where jobs are shown, and no hidden value.
        record = row.record and self.redaction.record(row.record, row.payload.job)
        return scope.match(replace(row, payload=self.redaction.payload(row.payload), record=record))

    def _is_before_bound(self) -> bool:
        # Asked only when an element claims to be too young: its machine's clock may be wrong.
        if self._bounded is None:
            bound = self.resolved.bound
            self._bounded = (
                bound is not None and self.walk.newest(self.connection, bound) is not None
            )
        return self._bounded

    def _is_last(self, bound: bytes, index: int) -> bool:
        # There may be elements of the same bytes that are older.
        newest = self.walk.newest(self.connection, bound)
        return newest is None or newest >= index

    def _watched(self) -> bool:
        if self.watch is None:
            return True
        total = self.resolved.limit
        scanned = min(self.walk.left + self.counts.applied, total)
        self.cancelled = not self.watch(Progress(scanned, total, self.counts.applied))
        return not self.cancelled


def _marked(job: J, distance: int) -> J:
    """The job with the mark by which ``take.lua`` finds it in a list: its digest and its position.

    An element of a sorted set is known by its bytes.
    """
    replaceable: Any = job
    mark = getattr(job, "mark", b"")
    marked: J = replaceable._replace(mark=f"{mark}{distance}") if isinstance(mark, str) else job
    return marked
