"""Fills a Redis with queues, jobs, records, counters and workers with running jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import redis

from asok_core.jobs.envelope import seal
from tests.tui import seed
from tests.tui.seed import KEYS

PENDING, DELAYED, DEAD, RUNNING = 0x1000_0000, 0x2000_0000, 0x3000_0000, 0x4000_0000
"""The first number of each kind of job, so that an id shows the kind."""

SLOTS = 8
SERVED = 4
"""Threads of a worker, all busy, and queues that it serves."""

_BATCH = 2000
_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of all data."""

    pending: int = 1_000_000
    delayed: int = 100_000
    dead: int = 100_000
    queues: int = 200
    workers: int = 50

    @property
    def in_default(self) -> int:
        """Pending jobs of the queue ``default``: nine of ten. The others share the rest."""
        return self.pending - self.in_others * (self.queues - 1)

    @property
    def in_others(self) -> int:
        """Pending jobs of every other queue."""
        return self.pending // 10 // (self.queues - 1)

    @property
    def names(self) -> list[str]:
        """The queues."""
        return ["default", *(f"queue-{n}" for n in range(1, self.queues))]

    def pending_of(self, queue: str) -> int:
        """Pending jobs of a queue."""
        return self.in_default if queue == "default" else self.in_others

    def queues_of(self, worker: int) -> tuple[str, ...]:
        """The queues that a worker serves: a share of all, and ``default``."""
        names = self.names
        first = worker * SERVED
        others = (names[1 + (first + n) % (len(names) - 1)] for n in range(SERVED))
        return (*dict.fromkeys(others), "default")


def fill(client: redis.Redis, amounts: Amounts) -> None:
    """Add all data, with signed envelopes."""
    now = seed.server_time(client)
    numbers = count(PENDING)
    for queue in amounts.names:
        jobs = amounts.pending_of(queue)
        client.sadd(KEYS.queues, queue)
        for first in range(0, jobs, _BATCH):
            client.lpush(
                KEYS.queue(queue),
                *(
                    seal(
                        seed.job(next(numbers), queue, enqueued_at=now - 7200 * (1 - i / jobs)),
                        seed.KEYRING,
                    )
                    for i in range(first, min(first + _BATCH, jobs))
                ),
            )
    _fill_delayed(client, amounts.delayed, now)
    for first in range(0, amounts.dead, _BATCH):
        part = min(_BATCH, amounts.dead - first)
        client.rpush(
            KEYS.dead, *seed.dead_jobs(now - first / 2, part, first=DEAD + first, every=0.5)
        )
    seed.recent(client, 100)
    counters(client, amounts.names)
    for n in range(amounts.workers):
        seed.worker(
            client,
            f"host-{n}",
            queues=amounts.queues_of(n),
            concurrency=SLOTS,
            running=SLOTS,
            first=RUNNING + n * SLOTS,
        )


def _fill_delayed(client: redis.Redis, amount: int, now: float) -> None:
    for first in range(0, amount, _BATCH):
        pipeline = client.pipeline(transaction=False)
        due = {}
        for i in range(first, min(first + _BATCH, amount)):
            # Every second one is a retry, whose record has the error.
            retries = i % 2
            job = seed.job(DELAYED + i, retry_count=retries, enqueued_at=now - 60)
            due[seal(job, seed.KEYRING)] = now + 3600 + i
            if retries:
                key = KEYS.job(job.id)
                pipeline.hset(key, mapping=_retrying(job.task, now, seed.traceback(i)[1]))
                pipeline.expire(key, 86_400)
        pipeline.zadd(KEYS.delayed, due)
        pipeline.execute()


def _retrying(task: str, now: float, error: str) -> dict[Any, Any]:
    return {
        "status": "retrying",
        "function": task,
        "queue": "default",
        "ts": now,
        "enqueued_at": now - 60,
        "started_at": now - 2,
        "retries": 3,
        "retry_count": 1,
        "error": error,
    }


def counters(client: redis.Redis, queues: list[str]) -> None:
    """Statistics of the last minutes for every queue."""
    now = int(seed.server_time(client))
    for queue in queues:
        pipeline = client.pipeline(transaction=False)
        for start in range(now - now % 10 - _MINUTES * 60, now + 1, 10):
            count_up(pipeline, queue, start, 1 + start // 10 % 5)
        pipeline.execute()


def count_up(pipeline: redis.client.Pipeline, queue: str, seconds: int, jobs: int) -> None:
    """Count jobs as enqueued and finished, in both buckets of a time."""
    for field, by in _tally(jobs):
        for kind, width in (("s", 10), ("m", 60)):
            key = f"{KEYS.namespace}:stats:{queue}:{kind}{seconds - seconds % width}"
            pipeline.hincrby(key, field, by)
            if field == "enqueued":
                pipeline.expire(key, 86_400)


def _tally(jobs: int) -> Iterator[tuple[str, int]]:
    failed = jobs // 4
    yield "enqueued", jobs
    yield "completed", jobs - failed
    yield "failed", failed
    yield "retried", failed
    yield "run_ms", jobs * 240
    yield "wait_ms", jobs * 1900
    yield "run_b32", jobs
    yield "wait_b44", jobs
