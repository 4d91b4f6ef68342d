"""Tasks that wait for other jobs."""

from __future__ import annotations

import concurrent.futures
from typing import Any

from asok_core import JobFuture, background
from tests.worker import jobs


def parent(queue: str = "default", word: str = "") -> Any:
    """Wait for another job in a queue."""
    other = background(jobs.give, "a result", _queue=queue)
    jobs.write_line(f"wait {word}")
    return other.result()


def parent_once_open(gate: str, word: str) -> Any:
    """Wait for another job that is enqueued once there is a file ``gate``."""
    jobs.write_line(f"begin {word}")
    jobs.wait_for(gate)
    return parent("default", word)


def nested(depth: int) -> int:
    """Wait for a job that waits for a job ..."""
    if depth == 0:
        return 0
    found: int = background(nested, depth - 1).result() + 1
    return found


def parent_of_a_later_one() -> Any:
    return background(jobs.give, "later", _delay=3600).result()


def parent_of_held(word: str) -> Any:
    return background(jobs.hold, word).result()


async def awaits() -> Any:
    return await background(jobs.give, "a result")


def waits() -> Any:
    other: JobFuture[Any] = background(jobs.give, "a result")
    concurrent.futures.wait([other])
    return other.result(0)
