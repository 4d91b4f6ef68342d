"""Taskiq on Redis: a list without results, or a stream with acknowledgements and results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from taskiq.abc.broker import AsyncBroker
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from tests.benchmarks import tasks
from tests.benchmarks.peers import RESULTS, URL
from tests.benchmarks.peers.event_loop import Loop, gathered, one_by_one


def _broker() -> AsyncBroker:
    if not RESULTS:
        return ListQueueBroker(URL)
    # From the beginning of the stream, to include jobs that were enqueued before the worker
    # started.
    results = RedisAsyncResultBackend(URL)  # type: ignore[var-annotated,unused-ignore]
    return RedisStreamBroker(URL, consumer_id="0").with_result_backend(results)


broker = _broker()
_loop = Loop()
_started: list[bool] = []


@broker.task(task_name="mark")
async def mark() -> bool:
    return tasks.mark()


@broker.task(task_name="stamp")
async def stamp(sent: float) -> bool:
    return tasks.stamp(sent)


@broker.task(task_name="nap")
async def nap(number: int) -> bool:
    return await tasks.async_nap(number)


_tasks: dict[str, Any] = {"mark": mark, "stamp": stamp, "nap": nap}


def _start() -> None:
    if not _started:
        _loop.run(broker.startup())
        _started.append(True)


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    _start()
    _loop.run(one_by_one(_tasks[task].kiq, arguments))


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    _start()
    _loop.run(gathered(_tasks[task].kiq, arguments))
