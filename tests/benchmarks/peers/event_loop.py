"""Enqueueing for peers that are asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import uvloop

AT_ONCE = 100
"""Concurrent enqueues if a peer's bulk is ``asyncio.gather``."""

Enqueue = Callable[..., Awaitable[Any]]


async def one_by_one(enqueue: Enqueue, arguments: Iterable[tuple[Any, ...]]) -> None:
    for args in arguments:
        await enqueue(*args)


async def gathered(enqueue: Enqueue, arguments: Sequence[tuple[Any, ...]]) -> None:
    for start in range(0, len(arguments), AT_ONCE):
        await asyncio.gather(*(enqueue(*args) for args in arguments[start : start + AT_ONCE]))


class Loop:
    """An event loop for several calls, so that connections are opened once."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)
