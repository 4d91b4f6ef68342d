"""RQ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import redis
import rq

from tests.benchmarks import tasks
from tests.benchmarks.peers import URL

queue = rq.Queue("default", connection=redis.Redis.from_url(URL))


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    function = getattr(tasks, task)
    for args in arguments:
        queue.enqueue_call(function, args)


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    function = getattr(tasks, task)
    queue.enqueue_many([rq.Queue.prepare_data(function, args) for args in arguments])
