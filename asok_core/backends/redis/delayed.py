"""Promotion: delayed jobs whose time has come go to their queues."""

from __future__ import annotations

import time
from dataclasses import dataclass

from asok_core.backends.redis.connection import Arg, Link
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import script
from asok_core.wire import bury, peek

BATCH = 200


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did. ``next_due_in`` is seconds until the next one; None: nothing is delayed."""

    promoted: int
    next_due_in: float | None


def promote_due(link: Link, keys: Keys, dlq_max: int) -> Promotion:
    """Promote what is due, atomically per job, in the order of the due times."""
    promoted = 0
    while True:
        now, due, first = link.run(script("due"), (), (keys.namespace, BATCH))
        if not due:
            wait = float(first) - float(now) if first else None
            return Promotion(promoted, wait)
        args: list[Arg] = [keys.namespace, dlq_max]
        for raw in due:
            payload = peek(raw)
            job, letter = payload.job, b""
            if job is None:
                reason = f"MalformedEnvelope: {payload.problem}"
                letter = bury(raw, failed_at=time.time(), error=reason, traceback=reason)
            args += (raw, job.queue if job else "", payload.id, letter, job.task if job else "")
        moved = link.run(script("promote"), (), args)
        promoted += moved
        if not moved and len(due) < BATCH:
            # Another worker was faster, or their queue is no list: look again in a moment.
            return Promotion(promoted, 0.5)
