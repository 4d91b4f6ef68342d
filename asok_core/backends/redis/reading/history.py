"""Statistics over a longer stretch: an hour or a day, of one queue or of all."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.backends.redis.reading import rates as figures
from asok_core.backends.redis.reading.queries import Query, one
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.snapshot import Bucket


def read_history(
    round_trips: RoundTrips,
    memory: figures.BucketMemory,
    names: Sequence[str],
    count: int,
) -> tuple[Bucket, ...]:
    """The last ``count`` buckets of the queues ``names`` together; only what is new is read."""
    time = round_trips.ask([one("TIME")])[0]
    now = int(time[0])
    first, last = memory.span(now, count * memory.width)
    asked = [(name, memory.missing_from(name, first)) for name in names]
    steps: list[Query[list[Bucket]]] = [
        round_trips.queries.history(name, memory.width, start, last) for name, start in asked
    ]
    for (name, start), found in zip(asked, round_trips.ask(steps), strict=True):
        memory.absorb(name, found, start, now)
    columns = [memory.window(name, first, last) for name in names]
    if len(columns) == 1:
        return columns[0]
    return tuple(
        figures.total(start, memory.width, (column[at] for column in columns))
        for at, start in enumerate(range(first, last + 1, memory.width))
    )
