"""What a filter finds: one implementation for the console and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from asok_core.backends.roles import Reader
from asok_core.filters import Filter
from asok_core.glimpse import shortened
from asok_core.snapshot import Page, Row

KEPT = 32_768
"""Bytes of a found job beyond which its arguments are not kept."""
PAGE = 200
STATES = ("pending", "delayed", "running", "recent", "dead")


def matching(rows: Iterable[Row], wanted: Filter, now: float) -> Iterator[Row]:
    """The rows that match, as a list keeps them. They must be whole if ``wanted`` reads arguments."""
    return (shortened(row, KEPT) for row in rows if wanted.matches(row, now))


def listed(
    reader: Reader, state: str, wanted: Filter, now: float, *, queues: Sequence[str] = ()
) -> Iterator[Row]:
    """The jobs in one of the ``STATES`` that match, in the order of its list, read as they are asked for.

    ``queues`` are those whose pending jobs are listed, one after another.
    """
    whole = wanted.reads_arguments
    if state == "running":
        running = reader.running()
        rows: Iterable[Row] = (completed(reader, row) for row in running) if whole else running
    elif state == "pending":
        rows = (
            row for queue in queues for row in _paged(partial(reader.pending, queue, whole=whole))
        )
    elif state == "recent":
        rows = _paged(reader.recent)
    else:
        rows = _paged(partial(reader.delayed if state == "delayed" else reader.dead, whole=whole))
    return matching(rows, wanted, now)


def completed(reader: Reader, row: Row) -> Row:
    """The row with all of its bytes; as it is where its job is no longer found."""
    detail = reader.job(row.payload.id, near=row) if row.partial and row.payload.id else None
    if detail is None or detail.payload is None:
        return row
    return replace(row, payload=detail.payload)


def _paged(read: Callable[[int, int], Page]) -> Iterator[Row]:
    start = 0
    while (page := read(start, PAGE)).rows:
        yield from page.rows
        start += len(page.rows)
