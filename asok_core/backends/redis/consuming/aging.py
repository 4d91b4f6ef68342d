"""Dead letters that are older than ``ASOK_DLQ_MAX_AGE`` are dropped, and counted."""

from __future__ import annotations

from asok_core.backends.redis.connection import Arg, Link
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import script
from asok_core.wire import peek

BATCH = 200


def drop_aged(link: Link, keys: Keys, max_age: float) -> int:
    """Drop dead letters that failed more than ``max_age`` seconds ago. Returns how many.

    The list is walked from its oldest end until a letter is young enough. One that does not say when
    it failed is dropped only when a younger one is.
    """
    dropped = 0
    while True:
        seconds, _micros = link.call("TIME")
        limit = int(seconds) - max_age
        aged: list[Arg] = []
        undated: list[Arg] = []
        batch = link.call("LRANGE", keys.dead, -BATCH, -1)
        for raw in reversed(batch):
            payload = peek(raw)
            undated += (raw, payload.job.queue if payload.job else "default")
            if payload.failed_at is None:
                continue
            if payload.failed_at >= limit:
                break
            aged, undated = aged + undated, []
        if not aged:
            return dropped
        now: int = link.run(script("drop_dead"), (), [keys.namespace, *aged])
        dropped += now
        if len(aged) < 2 * BATCH or not now:
            return dropped
