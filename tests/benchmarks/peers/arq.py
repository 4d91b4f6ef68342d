"""arq."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from tests.benchmarks import tasks
from tests.benchmarks.peers import URL
from tests.benchmarks.peers.event_loop import Loop, gathered, one_by_one

_settings = RedisSettings.from_dsn(URL)
_loop = Loop()
_pools: list[ArqRedis] = []


async def mark(_context: Any) -> bool:
    return tasks.mark()


async def stamp(_context: Any, sent: float) -> bool:
    return tasks.stamp(sent)


async def nap(_context: Any, number: int) -> bool:
    return await tasks.async_nap(number)


class WorkerSettings:
    functions: ClassVar = [mark, stamp, nap]
    redis_settings = _settings
    max_jobs = int(os.environ.get("BENCH_CONCURRENCY", "10"))


quiet: dict[str, Any] = {"version": 1, "loggers": {"arq": {"level": "WARNING"}}}


def _pool() -> ArqRedis:
    if not _pools:
        _pools.append(_loop.run(create_pool(_settings)))
    return _pools[0]


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    _loop.run(one_by_one(partial(_pool().enqueue_job, task), arguments))


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    _loop.run(gathered(partial(_pool().enqueue_job, task), arguments))
