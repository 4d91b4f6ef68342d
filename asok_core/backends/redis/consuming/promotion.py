"""Promotion: delayed jobs whose time has come go to their queues."""

from __future__ import annotations

import time
from dataclasses import dataclass

from asok_core.backends.redis.calls.walks import Due, DueJob, Promote
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import dead_entry, peek
from asok_core.jobs.numbers import score
from asok_core.settings.settings import LARGEST_ENVELOPE

BATCH = 200
BATCH_BYTES = 1024 * 1024
"""A batch is in the memory of a supervisor and of Redis, and holds up both."""
LONGEST = 0.25
"""Seconds of one promotion: however many are due, a supervisor must come to its other duties."""
CLAIM = 2.0
"""Seconds for which the others leave promotion to a supervisor, after each of its batches."""
AGAIN = 0.5
"""Seconds after which what could not be moved is tried again."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did. ``next_due_in`` is seconds until the next one.

    It is None when nothing is delayed and no pause has an end, or when another supervisor is at it.
    """

    moved: int
    next_due_in: float | None
    aside: tuple[OversizedEntry, ...] = ()
    """What was too large to be an envelope, due or not, and was set aside."""


def promote_due(
    connection: Connection,
    keys: Keys,
    *,
    by: str,
    seconds: float = LONGEST,
    largest: int = LARGEST_ENVELOPE,
) -> Promotion:
    """Promote what is due for some ``seconds``, atomically per job, in the order of the due times.

    Pauses of queues that are over end as well. Nothing is promoted while another supervisor than ``by``
    does so. ``largest`` is how many bytes an envelope may have.
    """
    aside: list[OversizedEntry] = []
    total = stuck = 0
    end = time.monotonic() + seconds
    claim = int(CLAIM * 1000)
    while True:
        found = connection.run(
            Due(
                ns=keys.namespace,
                supervisor=by,
                claim=claim,
                count=BATCH,
                most=BATCH_BYTES,
                passed=stuck,
                largest=largest,
            )
        )
        now = float(found.server_time)
        aside += set_aside(found.aside, ("delayed jobs",))
        if found.another:
            return Promotion(total, None, tuple(aside))
        if not found.due:
            first = found.first
            wait = max(score(first) - now, AGAIN if stuck else 0.0) if first else None
            return Promotion(total, wait, tuple(aside))
        jobs = [_due_job(raw, now) for raw in found.due]
        moved, left = connection.run(Promote(ns=keys.namespace, jobs=jobs))
        total += moved
        # What stays behind, for its queue is not a list, must not hold up the rest.
        stuck += left
        if time.monotonic() >= end:
            return Promotion(total, 0.0, tuple(aside))


def _due_job(raw: bytes, now: float) -> DueJob:
    payload = peek(raw)
    job, dead_job = payload.job, b""
    if job is None:
        reason = f"MalformedEnvelope: {payload.problem}"
        dead_job = dead_entry(raw, failed_at=now, error=reason, traceback=reason, rejected=True)
    return DueJob(
        envelope=raw,
        queue=job.queue if job else "",
        id=payload.id,
        dead_job=dead_job,
        task=job.task if job else "",
    )
