"""Limits as the console shows them: what operators have set, and what runs and waits under each limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import STEP
from asok_core.backends.redis.reading.overview import holds_now
from asok_core.backends.redis.reading.query import (
    Query,
    by_key,
    in_order,
    maybe,
    named,
    server_time,
)
from asok_core.backends.redis.reading.round_trips import Queries, RoundTrips
from asok_core.inspection.holds import Holds
from asok_core.inspection.limits import LARGEST_LIMIT, LimitBucket, Limits, bucket_with
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.limits import BUCKET

MOST_NAMED = 100
"""Buckets of which a snapshot reads what they are; of the others only how many jobs wait."""
MOST_BUCKETS = 5_000
"""Buckets that are read to list limits."""
BATCH = 500
"""Buckets of one round trip."""
_FIELDS = ("identity", "value", "declared", "free_at")

_Lists = Mapping[str, Sequence[str]]
"""The queues of which there are lists of waiting jobs, by bucket."""


def waiting_buckets(
    queries: Queries, keys: Keys, held_lists: Iterable[str], redaction: Redaction
) -> Query[tuple[LimitBucket, ...]]:
    """The buckets with waiting jobs among these lists of held jobs, those with the most first."""
    lists = _by_bucket(held_lists)
    whole = dict.fromkeys(sorted(lists)[:MOST_NAMED])
    commands, read_each = in_order(
        _bucket(queries, keys, each, lists[each], redaction)
        if each in whole
        else _waiting(keys, each, lists[each])
        for each in lists
    )

    def read(replies: Sequence[Any]) -> tuple[LimitBucket, ...]:
        found = [each for each in read_each(replies) if each.waiting]
        return tuple(sorted(found, key=lambda each: (-each.waiting, each.id)))

    return Query(commands, read)


def read_bucket(round_trips: RoundTrips, keys: Keys, bucket: str, queue: str) -> LimitBucket:
    """One bucket, with its waiting jobs of one queue. Its value is as Redis has it."""
    query = _bucket(round_trips.queries, keys, bucket, (queue,), Redaction())
    return round_trips.ask(query)


def read_limits(round_trips: RoundTrips, keys: Keys, redaction: Redaction) -> Limits:
    """The limits of operators, and the buckets there are."""
    queries = round_trips.queries
    holds, total, some, now = round_trips.ask(
        named(
            _overview,
            holds=holds_now(queries, keys),
            total=maybe("ZCARD", keys.limits),
            some=maybe("ZRANGE", keys.limits, 0, MOST_BUCKETS - 1),
            now=server_time(),
        )
    )
    lists = dict(_by_bucket(_held_lists(round_trips, keys)))
    # A bucket with waiting jobs is listed although the set that names it may be gone.
    names = dict.fromkeys([*lists, *(parsing.text(each) for each in some or ())])
    read = list(names)[:MOST_BUCKETS]
    buckets = list[LimitBucket]()
    for at in range(0, len(read), BATCH):
        batch = in_order(
            _bucket(queries, keys, each, lists.get(each, ()), redaction)
            for each in read[at : at + BATCH]
        )
        some_read = round_trips.ask(batch)
        buckets += some_read
    return Limits(
        holds.limits,
        tuple(buckets),
        max(total or 0, len(names)),
        holds.unread_limits,
        holds.problem,
        now,
    )


def _overview(
    holds: Holds, total: int | None, some: list[bytes] | None, now: float
) -> tuple[Holds, int | None, list[bytes] | None, float]:
    return holds, total, some, now


def _held_lists(round_trips: RoundTrips, keys: Keys) -> list[str]:
    """The names of lists of held jobs, some thousands."""
    found, cursor = list[str](), b"0"
    while len(found) < MOST_BUCKETS:
        reply = round_trips.ask(maybe("SSCAN", keys.held_lists, cursor, "COUNT", STEP))
        if reply is None:
            break
        cursor, names = reply
        found += map(parsing.text, names)
        if cursor == b"0":
            break
    return found


def _by_bucket(held_lists: Iterable[str]) -> _Lists:
    found = dict[str, list[str]]()
    for name in held_lists:
        bucket, _, queue = name.partition(":")
        if name.startswith(BUCKET) and queue:
            found.setdefault(bucket, []).append(queue)
    return found


def _waiting(keys: Keys, bucket: str, queues: Sequence[str]) -> Query[LimitBucket]:
    """How many jobs wait."""
    commands, read_each = by_key(
        {each: maybe("LLEN", parsing.raw(keys.held(bucket, each))) for each in queues}
    )

    def read(replies: Sequence[Any]) -> LimitBucket:
        lengths = {queue: n for queue, n in read_each(replies).items() if n}
        return LimitBucket(bucket, queues=lengths)

    return Query(commands, read)


def _bucket(
    queries: Queries, keys: Keys, bucket: str, queues: Sequence[str], redaction: Redaction
) -> Query[LimitBucket]:
    """The same, and what is known of it."""
    fields = queries.clipped(LARGEST_LIMIT, "HMGET", parsing.raw(keys.limit(bucket)), *_FIELDS)

    def bucket_of(
        waiting: LimitBucket, known: list[bytes | None] | None, running: Any, returned: Any
    ) -> LimitBucket:
        found = bucket_with(
            bucket,
            known or [None] * len(_FIELDS),
            running=running,
            returned=returned or 0,
            queues=waiting.queues,
        )
        return redaction.bucket(found)

    return named(
        bucket_of,
        waiting=_waiting(keys, bucket, queues),
        known=maybe(*fields),
        running=maybe("HLEN", parsing.raw(keys.limit_running(bucket))),
        returned=maybe("HLEN", parsing.raw(keys.limit_next(bucket))),
    )
