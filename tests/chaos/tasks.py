"""What the jobs of chaos do: most succeed, some fail, a few take their whole process with them."""

from __future__ import annotations

import ctypes
import os
import random
import time

from tests.chaos.journal import note


def quick(job_id: str) -> str:
    """Succeed at once."""
    note("start", job_id)
    note("done", job_id)
    return job_id


def add(first: int, second: int) -> int:
    """Return a sum."""
    return first + second


def nap(job_id: str, seconds: float) -> None:
    """Succeed after a while."""
    note("start", job_id)
    time.sleep(seconds)
    note("done", job_id)


async def dream(job_id: str, seconds: float) -> None:
    """Succeed after a while, as a coroutine."""
    import asyncio

    note("start", job_id)
    await asyncio.sleep(seconds)
    note("done", job_id)


def flaky(job_id: str) -> None:
    """Succeed in one attempt of two."""
    note("start", job_id)
    if random.random() < 0.5:
        note("raised", job_id)
        raise ConnectionError("no answer")
    note("done", job_id)


def doomed(job_id: str) -> None:
    """Fail."""
    note("start", job_id)
    note("raised", job_id)
    raise ValueError("there is no such order")


def greedy(job_id: str, seconds: float) -> None:
    """Hold the interpreter's lock all the while: no other thread of the process runs."""
    note("start", job_id)
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))
    note("done", job_id)


def leave(job_id: str) -> None:
    """End the process."""
    note("start", job_id)
    os._exit(3)


def crash(job_id: str) -> None:
    """Read where no memory is."""
    note("start", job_id)
    ctypes.string_at(0)
