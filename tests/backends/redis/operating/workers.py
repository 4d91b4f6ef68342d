"""A simulated worker: takes jobs and writes their records as the test specifies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.concurrently import wait_for_end
from tests.fixtures.bench import Bench, job_id


@contextmanager
def worker(bench: Bench, outcome: Callable[[int], dict[str, str]]) -> Iterator[list[str]]:
    """Takes jobs as a worker does and writes their records; ``outcome`` gets how many it took."""
    import redis

    taken: list[str] = []
    stopped = threading.Event()

    def work() -> None:
        with redis.Redis.from_url(bench.url) as client:
            while not stopped.is_set():
                raw = client.rpop("asok:queue")
                if raw is None:
                    time.sleep(0.005)
                    continue
                taken.append(job_id(raw))
                key = "asok:job:" + taken[-1]
                client.hset(key, mapping=outcome(len(taken)))
                client.expire(key, 60)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield taken
    finally:
        stopped.set()
        wait_for_end(thread, "the worker")


def well(_taken: int) -> dict[str, str]:
    return {"status": "completed"}


def as_before(_taken: int) -> dict[str, str]:
    return {"status": "retrying", "error": "Traceback (most recent call last):\nValueError: no"}
