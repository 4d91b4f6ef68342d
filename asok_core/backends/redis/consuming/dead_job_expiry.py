"""Dead jobs that are older than ``ASOK_DLQ_MAX_AGE`` are dropped, and counted."""

from __future__ import annotations

import time

from asok_core.backends.redis.calls.walks import AgedJob, ExpireDead, Slice
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import peek
from asok_core.settings.settings import LARGEST_ENVELOPE

BATCH = 200
BATCH_BYTES = 16 * 1024 * 1024
LONGEST = 0.25
"""Seconds of one call: however many are too old, a supervisor must come to its other duties."""


def drop_aged(
    connection: Connection,
    keys: Keys,
    max_age: float,
    *,
    seconds: float = LONGEST,
    largest: int = LARGEST_ENVELOPE,
) -> tuple[int, bool]:
    """Drop dead jobs that failed more than ``max_age`` seconds ago, for some ``seconds``.

    Returns how many, and whether there may be more. The list is walked from its oldest end until a
    job is young enough. One that does not say when it failed is dropped only when a younger one is.
    """
    dropped = 0
    end = time.monotonic() + seconds
    while True:
        seconds, _micros = connection.call("TIME")
        limit = int(seconds) - max_age
        aged: list[AgedJob] = []
        undated: list[AgedJob] = []
        batch = connection.run(
            Slice(
                elements=keys.dead,
                order="right",
                passed=0,
                count=BATCH,
                most=BATCH_BYTES,
                largest=largest,
            )
        )
        for raw in batch:
            if not isinstance(raw, bytes):
                # Another program put it there; it is too large to be read.
                continue
            payload = peek(raw)
            undated.append(AgedJob(raw, payload.job.queue if payload.job else "default"))
            if payload.failed_at is None:
                continue
            if payload.failed_at >= limit:
                break
            aged, undated = aged + undated, []
        if not aged:
            return dropped, False
        now = connection.run(ExpireDead(ns=keys.namespace, jobs=aged))
        dropped += now
        if len(aged) < len(batch) or not now:
            return dropped, False
        if time.monotonic() >= end:
            return dropped, True
