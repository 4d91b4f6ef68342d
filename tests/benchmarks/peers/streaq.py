"""streaQ."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any

from streaq import Worker

from tests.benchmarks import tasks
from tests.benchmarks.peers import URL
from tests.benchmarks.peers.event_loop import Loop

# Its worker has no option for this, and would log two lines per job.
logging.disable(logging.INFO)
worker: Any = Worker(redis_url=URL, concurrency=int(os.environ.get("BENCH_CONCURRENCY", "10")))
_loop = Loop()


@worker.task
async def mark() -> bool:
    return tasks.mark()


@worker.task
async def stamp(sent: float) -> bool:
    return tasks.stamp(sent)


@worker.task
async def nap(number: int) -> bool:
    return await tasks.async_nap(number)


_tasks: dict[str, Any] = {"mark": mark, "stamp": stamp, "nap": nap}


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    async def run() -> None:
        async with worker:
            for args in arguments:
                await _tasks[task].enqueue(*args)

    _loop.run(run())


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    async def run() -> None:
        async with worker:
            await worker.enqueue_many([_tasks[task].enqueue(*args) for args in arguments])

    _loop.run(run())
