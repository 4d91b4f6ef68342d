"""Asok Console itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from asok_core import background, background_many, call
from tests.benchmarks import tasks


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    function = getattr(tasks, task)
    for args in arguments:
        background(function, *args)


def push_many(task: str, arguments: Sequence[tuple[Any, ...]]) -> None:
    function = getattr(tasks, task)
    background_many(call(function, *args) for args in arguments)
