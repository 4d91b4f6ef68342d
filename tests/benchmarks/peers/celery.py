"""Celery with Redis as its broker, and as its result backend if results are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from celery import Celery, group

from tests.benchmarks import tasks
from tests.benchmarks.peers import RESULTS, URL

app = Celery("bench", broker=URL, backend=URL if RESULTS else None)
app.conf.task_ignore_result = not RESULTS
app.conf.broker_connection_retry_on_startup = True
_tasks = {name: app.task(name=name)(getattr(tasks, name)) for name in ("mark", "stamp", "nap")}


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    function = _tasks[task]
    for args in arguments:
        function.apply_async(args)


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    function = _tasks[task]
    group(function.s(*args) for args in arguments).apply_async()
