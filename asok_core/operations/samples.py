"""Jobs beside their records, which know the worker and the release that ran them last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Row
from asok_core.inspection.sample import JobSample
from asok_core.jobs.states import Location

BATCH = 250
"""Records that one command reads: it takes Redis a few milliseconds."""


def read_sample(
    reader: Reader, location: Location, queue: str | None = None, *, records: bool = False
) -> JobSample:
    """A sample of a location; with ``records`` those of its jobs."""
    sample = reader.sample(location, queue)
    if not records:
        return sample
    rows = with_records(reader, (row for part in sample.parts for row in part.rows))
    parts = tuple(part._replace(rows=tuple(islice(rows, len(part.rows)))) for part in sample.parts)
    return sample._replace(parts=parts, has_records=True)


def with_records(reader: Reader, rows: Iterable[Row]) -> Iterator[Row]:
    """The same jobs with their records, as far as there are any: they outlive no more than a day."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield from _with_records(reader, batch)


def _with_records(reader: Reader, rows: Sequence[Row]) -> Iterator[Row]:
    records = reader.records([row.payload.id for row in rows if row.payload.id])
    for row in rows:
        yield replace(row, record=records.get(row.payload.id))
