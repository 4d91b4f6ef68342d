"""SAQ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from saq import Queue

from tests.benchmarks import tasks
from tests.benchmarks.peers import URL
from tests.benchmarks.peers.event_loop import Loop, gathered, one_by_one

queue = Queue.from_url(URL)
_loop = Loop()


async def mark(_context: Any) -> bool:
    return tasks.mark()


async def stamp(_context: Any, *, value: float) -> bool:
    return tasks.stamp(value)


async def nap(_context: Any, *, value: int) -> bool:
    return await tasks.async_nap(value)


settings = {
    "queue": queue,
    "functions": [mark, stamp, nap],
    "concurrency": int(os.environ.get("BENCH_CONCURRENCY", "10")),
}


def _enqueue(task: str) -> Any:
    async def enqueue(*args: Any) -> None:
        await queue.enqueue(task, **({"value": args[0]} if args else {}))

    return enqueue


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    _loop.run(one_by_one(_enqueue(task), arguments))


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    _loop.run(gathered(_enqueue(task), arguments))
