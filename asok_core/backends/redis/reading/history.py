"""Statistics over a longer range: an hour or a day, of one queue or of all."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.backends.redis.reading import rates as figures
from asok_core.backends.redis.reading.query import by_key, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.queues import Bucket, total


def read_history(
    round_trips: RoundTrips,
    memory: figures.BucketMemory,
    names: Sequence[str],
    count: int,
) -> tuple[Bucket, ...]:
    """The last ``count`` buckets of the queues ``names`` together; only what is new is read."""
    now = round_trips.ask(server_time())
    first, last = memory.span(now, count * memory.width)
    missing = {name: memory.missing_from(name, first) for name in names}
    found = round_trips.ask(
        by_key(
            {
                name: round_trips.queries.history(name, memory.width, start, last)
                for name, start in missing.items()
            }
        )
    )
    for name, start in missing.items():
        memory.absorb(name, found[name], start, now)
    columns = [memory.window(name, first, last) for name in names]
    if len(columns) == 1:
        return columns[0]
    return tuple(
        total(start, memory.width, (column[at] for column in columns))
        for at, start in enumerate(range(first, last + 1, memory.width))
    )
