"""Whether SECRET_KEY is the key of the jobs in Redis: a small sample of their signatures."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.queries import Window
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.snapshot import KeyCheck
from asok_core.jobs.envelope import Keyring, Trust, peek
from asok_core.jobs.keyring import V1

EACH_END = 5
"""Dead jobs at each end of their list, and delayed jobs, that are looked at."""
VERIFYING = (Trust.SIGNED, Trust.V1)
QUEUES, PER_QUEUE = 10, 3
"""Queues, and pending jobs of each (the newest), that are looked at."""


def check_key(
    round_trips: RoundTrips, keys: Keys, keyring: Keyring, queues: Sequence[str]
) -> KeyCheck:
    """Verify a sample from every location, in one round trip. Large jobs are left out."""
    window = round_trips.queries.window
    windows: list[Window] = round_trips.ask(
        [
            window(keys.dead, "left", 0, EACH_END),
            window(keys.dead, "right", 0, EACH_END),
            window(keys.delayed, "score", 0, EACH_END),
            *(window(keys.queue(name), "left", 0, PER_QUEUE) for name in queues[:QUEUES]),
        ]
    )
    raws = {item.text for each in windows for item in each.items if item.whole}
    found = [peek(raw, keyring).trust for raw in raws]
    waiting = [peek(item.text).version for each in windows[3:] for item in each.items if item.whole]
    return KeyCheck(
        sampled=sum(trust in (*VERIFYING, Trust.BAD) for trust in found),
        verified=sum(trust in VERIFYING for trust in found),
        pending=len(waiting),
        pending_v1=waiting.count(V1),
    )
