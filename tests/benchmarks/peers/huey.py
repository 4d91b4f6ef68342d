"""Huey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from huey import RedisHuey

from tests.benchmarks import tasks
from tests.benchmarks.peers import RESULTS, URL

huey = RedisHuey("bench", url=URL, results=RESULTS)
_tasks = {name: huey.task()(getattr(tasks, name)) for name in ("mark", "stamp", "nap")}


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    function = _tasks[task]
    for args in arguments:
        function(*args)
