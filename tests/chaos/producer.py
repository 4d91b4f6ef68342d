"""A producer that gets every one of its jobs into Redis, however often either of them is killed.

The ids are fixed, and what Redis has acknowledged is written down: when it is started again it continues
where it was, and sends again what it does not know to have arrived.
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.errors import AsokError
from asok_core.jobs.job import Job
from asok_core.settings.settings import Settings
from tests.chaos.workers import LEASE

TASKS = "tests.chaos.tasks"
KINDS = {"quick": 52, "nap": 26, "dream": 6, "flaky": 6, "doomed": 3, "later": 7}
"""Of a hundred jobs."""
POISON = ("leave", "crash", "greedy")
POISON_EVERY = 800
"""One job in this number harms its process."""
QUEUES = ("high", "default", "default", "low")
BATCH = 50


def job_of(run: str, number: int) -> Job:
    """The job with this number of a run: always the same one, but for its times."""
    dice = random.Random(f"{run}-{number}")
    job_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
    if number % POISON_EVERY == POISON_EVERY // 2:
        kind = POISON[number // POISON_EVERY % len(POISON)]
    now, seconds = time.time(), dice.uniform(0.05, 0.6)
    args: tuple[object, ...] = (job_id,)
    if kind in ("nap", "dream", "greedy"):
        args = (job_id, LEASE + 1 if kind == "greedy" else seconds)
    due_at = now + dice.uniform(0.5, 5) if kind == "later" else None
    return Job(
        job_id,
        TASKS,
        "quick" if kind == "later" else kind,
        args=args,
        queue=dice.choice(QUEUES),
        retries=20 if kind == "flaky" else 0,
        backoff=1,
        enqueued_at=now,
        due_at=due_at,
    )


def insist(producer: RedisProducer, jobs: Sequence[Job]) -> None:
    """Enqueue ``jobs``, again and again until Redis says that it has them."""
    while True:
        try:
            producer.enqueue(jobs)
        except AsokError:
            time.sleep(0.1)
        else:
            return


def main(run: str, count: int, seconds: float, ledger: Path) -> None:
    """Enqueue ``count`` jobs over about ``seconds``; ``ledger`` takes those that have arrived."""
    producer = RedisProducer(Settings.load())
    arrived = set(ledger.read_text().split()) if ledger.exists() else set()
    left = [n for n in range(count) if job_of(run, n).id not in arrived]
    began = time.monotonic() - seconds * (count - len(left)) / count
    while left:
        size = random.randint(1, BATCH)
        jobs = [job_of(run, n) for n in left[:size]]
        del left[:size]
        insist(producer, jobs)
        with ledger.open("a") as file:
            file.write("".join(f"{job.id}\n" for job in jobs))
        due = began + seconds * (count - len(left)) / count
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
