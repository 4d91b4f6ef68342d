"""What an operation would be about: an exact count and a sample, before it is confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from asok_core.backends.roles import UNMET, OperationResult, Progress, Reader, Scope
from asok_core.inspection.filters import Filter
from asok_core.inspection.rows import Row, digest
from asok_core.jobs.envelope import Trust
from asok_core.jobs.states import Location

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """What is in a scope. ``scope`` is resolved at the moment of the count.

    ``sample`` are its oldest rows, ``trusts`` counts their signatures, ``missing`` are
    ids that were not found.
    """

    scope: Scope
    total: int
    matching: int
    sample: tuple[Row, ...] = ()
    trusts: Counter[Trust] = field(default_factory=Counter)
    missing: frozenset[str] = frozenset()
    queues: Counter[str] = field(default_factory=Counter)
    """How many belong to which queue."""


def resolved(
    reader: Reader, location: Location, *, queue: str | None = None, chosen: Filter | None = None,
    ids: frozenset[str] | None = None,
) -> Scope:  # fmt: skip
    """A scope that ends with what is there now. Raises Refused where that cannot be read."""
    now = reader.snapshot().taken_at
    limit, boundary = None, ""
    if location is Location.DEAD:
        page = reader.dead(0, 1, whole=True).readable()
        limit = page.total
        if page.rows:
            boundary = digest(page.rows[0].payload.raw)
    elif location is Location.PENDING and queue is not None:
        limit = reader.pending(queue, 0, 1).readable().total
    elif location is Location.DELAYED:
        reader.delayed(0, 1).readable()
    match: Callable[[Row], bool] | None = None
    if chosen:
        chosen_filter = chosen

        def match(row: Row) -> bool:
            return chosen_filter.matches(row, now)

    words = chosen.text if chosen else ""
    return Scope(location, queue, ids, match, words, now, limit, boundary)


def preview(
    reader: Reader,
    scope: Scope,
    *,
    watch: Callable[[Progress], bool] | None = None,
    each: Callable[[Row], object] | None = None,
) -> Preview:
    """Count what is in ``scope`` by going through its location once. ``each`` is called with every row."""
    found = Preview(scope, scope.limit or 0, 0)
    matching, trusts, seen = 0, Counter[Trust](), set[str]()
    queues = Counter[str]()
    sample: list[Row] = []
    for row in rows_in(reader, scope, watch):
        matching += 1
        trusts[row.payload.trust] += 1
        seen.add(row.key)
        queues[row.queue] += 1
        if each is not None:
            each(row)
        if len(sample) < SAMPLE:
            sample.append(row)
    missing = (scope.ids or frozenset()) - seen
    return replace(
        found,
        matching=matching,
        sample=tuple(sample),
        trusts=trusts,
        missing=frozenset(missing),
        queues=queues,
    )


def with_unmet(result: OperationResult, confirmed: int) -> OperationResult:
    """The result with what was confirmed and is nowhere in it counted as skipped."""
    met = result.applied + sum(result.skipped.values()) + sum(result.refused.values())
    if result.cancelled or confirmed <= met:
        return result
    return replace(result, skipped={**result.skipped, UNMET: confirmed - met})


def rows_in(
    reader: Reader,
    scope: Scope,
    watch: Callable[[Progress], bool] | None = None,
    *,
    whole: bool = True,
) -> Iterator[Row]:
    """The rows of a scope, oldest first. ``whole``: as an action reads them, with all their bytes."""
    seen = applied = 0
    name = f"{scope.hold}:{scope.queue}" if scope.location is Location.HELD else scope.queue
    for page in reader.scan(scope.location, name, whole=whole):
        page.readable()
        total = scope.limit if scope.limit is not None else page.total
        for row in page.rows:
            if scope.limit is not None and seen >= scope.limit:
                return
            seen += 1
            if _holds(scope, row):
                applied += 1
                yield row
        if watch and not watch(Progress(min(seen, total), total, applied)):
            return


def _holds(scope: Scope, row: Row) -> bool:
    if scope.ids is not None and row.key not in scope.ids:
        return False
    if scope.queue is not None and row.queue != scope.queue:
        return False
    return scope.match is None or scope.match(row)
