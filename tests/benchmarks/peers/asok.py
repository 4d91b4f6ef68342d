"""The queue of the web framework, whose contract in Redis is ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asok.background import background

from tests.benchmarks import tasks


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    function = getattr(tasks, task)
    for args in arguments:
        background(function, *args)
