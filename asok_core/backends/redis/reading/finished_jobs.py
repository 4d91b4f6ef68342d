"""Jobs that finished lately: their ids, and rows of their records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import redis

from asok_core.backends.redis.explanations import wrong_type
from asok_core.backends.redis.keys import LONGEST_NAME
from asok_core.backends.redis.reading.overview import CLIP
from asok_core.backends.redis.reading.query import Query, known, maybe, named
from asok_core.backends.redis.reading.round_trips import Queries
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location


class FinishedJobs(NamedTuple):
    """The answers about jobs that finished: the length of their list or why it is unknown, and ids."""

    total: int | str
    ids: list[bytes] | None


def finished_jobs(queries: Queries, key: str, start: int, count: int) -> Query[FinishedJobs]:
    """Ask for ``count`` ids from ``start``, the newest first."""
    # Up to the index before 0 would be everything.
    window = ("LRANGE", key, start, start + count - 1)
    return named(
        FinishedJobs,
        total=Query((("LLEN", key),), _length_or_problem(key)),
        ids=maybe(*queries.clipped(CLIP, *window)) if count > 0 else known(None),
    )


def _length_or_problem(key: str) -> Callable[[Sequence[Any]], int | str]:
    """How long the list is, or why that is not known."""

    def read(replies: Sequence[Any]) -> int | str:
        (length,) = replies
        if wrong_type(length):
            return not_a("list", key)
        if isinstance(length, redis.RedisError):
            return f"The key {key} cannot be read: {length}."
        return int(length)

    return read


def not_a(kind: str, key: str) -> str:
    """Say of a key of another type that its jobs cannot be read."""
    return f"The key {key} is not a {kind}: its jobs cannot be read."


def finished_row(position: int, job_id: str, records: dict[str, JobRecord]) -> Row:
    """The row of a job that finished: nothing is left of it but its record, if that."""
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
