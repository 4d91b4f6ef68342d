"""Whether SECRET_KEY is the key of the jobs in Redis: a small sample of their signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.queries import ListWindow
from asok_core.backends.redis.reading.query import in_order, named
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.snapshot import KeyCheck
from asok_core.jobs.envelope import Trust, peek
from asok_core.jobs.keyring import V1, Keyring

EACH_END = 5
"""Dead jobs at each end of their list, and delayed jobs, that are looked at."""
VERIFYING = (Trust.SIGNED, Trust.V1)
QUEUES, PER_QUEUE = 10, 3
"""Queues, and pending jobs of each (the newest), that are looked at."""


class _Sample(NamedTuple):
    newest_dead: ListWindow
    oldest_dead: ListWindow
    delayed: ListWindow
    pending: list[ListWindow]


def check_key(
    round_trips: RoundTrips, keys: Keys, keyring: Keyring, queues: Sequence[str]
) -> KeyCheck:
    """Verify a sample from every location, in one round trip. Large jobs are left out."""
    window = round_trips.queries.window
    found = round_trips.ask(
        named(
            _Sample,
            newest_dead=window(keys.dead, "left", 0, EACH_END),
            oldest_dead=window(keys.dead, "right", 0, EACH_END),
            delayed=window(keys.delayed, "score", 0, EACH_END),
            pending=in_order(
                window(keys.queue(name), "left", 0, PER_QUEUE) for name in queues[:QUEUES]
            ),
        )
    )
    pending = [raw for each in found.pending for raw in _whole_texts(each)]
    raws = {
        *_whole_texts(found.newest_dead),
        *_whole_texts(found.oldest_dead),
        *_whole_texts(found.delayed),
        *pending,
    }
    trusts = [peek(raw, keyring).trust for raw in raws]
    versions = [peek(raw).version for raw in pending]
    return KeyCheck(
        sampled=sum(trust in (*VERIFYING, Trust.BAD) for trust in trusts),
        verified=sum(trust in VERIFYING for trust in trusts),
        pending=len(versions),
        pending_v1=versions.count(V1),
    )


def _whole_texts(window: ListWindow) -> list[bytes]:
    return [item.text for item in window.items if item.whole]
