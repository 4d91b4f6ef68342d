"""The cost of a refresh for Redis, and its duration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import mean

import redis

from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.benchmarks.console.data import Amounts
from tests.benchmarks.console.report import Figures, p95

REFRESHES = 60
PAUSE = 0.25
"""Seconds between two refreshes: all together take longer than a bucket of counters."""
NAMED_EVERY = 5
"""One of this many refreshes reads the running jobs, as the console does at an interval of 1 s."""
PAGES = 20
WINDOW = 200


def measure(settings: Settings, client: redis.Redis, amounts: Amounts) -> Figures:
    """Refresh and read pages, as the reading thread of the console does."""
    reader = open_reader(settings)
    pages: tuple[Callable[[], object], ...] = (
        lambda: reader.pending("default", amounts.in_default // 2, WINDOW),
        lambda: reader.delayed(amounts.delayed // 2, WINDOW),
        lambda: reader.dead(amounts.dead // 2, WINDOW),
        lambda: reader.recent(0, WINDOW),
        lambda: reader.activity(WINDOW),
    )
    reader.snapshot()
    took, turned, costs = [], [], []
    with slow_log(client) as slowest:
        for n in range(REFRESHES):
            began = time.perf_counter()
            costs.append(reader.snapshot(jobs=n % NAMED_EVERY == 0).cost)
            took.append(time.perf_counter() - began)
            time.sleep(PAUSE)
        for page in pages * PAGES:
            began = time.perf_counter()
            page()
            turned.append(time.perf_counter() - began)
    durations = slowest()
    reader.close()
    return {
        "round_trips": max(cost.round_trips for cost in costs),
        "commands": max(cost.commands for cost in costs),
        "bytes": mean(cost.reply_bytes or 0 for cost in costs),
        "slowest": max(durations),
        "refresh": p95(took),
        "page": p95(turned),
    }


@contextmanager
def slow_log(client: redis.Redis, name: str = "asok-reader") -> Iterator[Callable[[], list[float]]]:
    """Seconds that Redis spent on each command of clients named ``name`` during the body."""
    client.config_set("slowlog-max-len", 100_000)
    client.slowlog_reset()
    client.config_set("slowlog-log-slower-than", 0)
    found: list[float] = []
    try:
        yield lambda: found
    finally:
        client.config_set("slowlog-log-slower-than", -1)
        with suppress(redis.RedisError):
            found += [
                entry["duration"] / 1e6
                for entry in client.slowlog_get(100_000)
                if entry["client_name"] == name.encode()
            ]
