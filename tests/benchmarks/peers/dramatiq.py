"""Dramatiq, with its result backend if results are stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from tests.benchmarks import tasks
from tests.benchmarks.peers import RESULTS, URL

broker = RedisBroker(url=URL)
if RESULTS:
    broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
_options: dict[str, Any] = {"store_results": True} if RESULTS else {}
_actors = {
    name: dramatiq.actor(getattr(tasks, name), **_options) for name in ("mark", "stamp", "nap")
}


def push(task: str, arguments: Iterable[tuple[Any, ...]]) -> None:
    actor = _actors[task]
    for args in arguments:
        actor.send(*args)
