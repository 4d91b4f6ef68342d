"""Promotion: delayed jobs whose time has come go to their queues."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.redis.connection import Arg, Link
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import script
from asok_core.wire import bury, peek

BATCH = 200
MOST = 50
"""Batches of one promotion: however many are due, a supervisor must come to its next beat."""
AGAIN = 0.5
"""Seconds after which what could not be moved is tried again."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did. ``next_due_in`` is seconds until the next one; None: nothing is delayed."""

    moved: int
    next_due_in: float | None


def promote_due(link: Link, keys: Keys) -> Promotion:
    """Promote what is due, atomically per job, in the order of the due times."""
    total = stuck = 0
    for _ in range(MOST):
        now, due, first = link.run(script("due"), (), (keys.namespace, BATCH, stuck))
        if not due:
            wait = max(float(first) - float(now), AGAIN if stuck else 0.0) if first else None
            return Promotion(total, wait)
        args: list[Arg] = [keys.namespace]
        for raw in due:
            payload = peek(raw)
            job, letter = payload.job, b""
            if job is None:
                reason = f"MalformedEnvelope: {payload.problem}"
                letter = bury(
                    raw, failed_at=float(now), error=reason, traceback=reason, rejected=True
                )
            args += (raw, job.queue if job else "", payload.id, letter, job.task if job else "")
        moved, left = link.run(script("promote"), (), args)
        total += moved
        # What stays behind, for its queue is no list, must not hold up the rest.
        stuck += left
    return Promotion(total, 0.0)
