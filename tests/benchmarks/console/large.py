"""The cost of dead jobs of 98 KiB for the console, compared with small ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.views.shared.base import FEW_ROWS
from asok_console.tui.widgets.row_list import MARGIN
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.benchmarks.console.reading import slow_log
from tests.benchmarks.console.report import Figures, p95
from tests.conftest import SECRET_KEY
from tests.tui import seed

JOBS = 10_000
SIZE = 100_000
"""Dead jobs, and bytes of the argument of a large one."""
TIMES = 60
PAUSE = 0.05
_BATCH = 100
PAGE = 33
"""Dead jobs on a screen of 40 lines."""


def measure() -> Figures:
    """Refresh with small and with large dead jobs, each on its own Redis."""
    return {
        **_measured("small", 100, PAGE + 2 * MARGIN),
        **_measured("large", SIZE, PAGE + 2 * FEW_ROWS),
    }


def _measured(name: str, argument: int, window: int) -> Figures:
    """``window`` is the number of rows that the console reads: the page and some around it."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        for batch in _dead_jobs(client, argument):
            client.rpush(seed.KEYS.dead, *batch)
        settings = Settings.load(
            {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": server.url,
                "SECRET_KEY": SECRET_KEY,
            }
        )
        reader = open_reader(settings)
        reader.snapshot()
        took, read = [], []
        with slow_log(client) as slowest:
            for _ in range(TIMES):
                before = _sent(client)
                began = time.perf_counter()
                reader.snapshot()
                reader.dead(JOBS // 2, window)
                took.append(time.perf_counter() - began)
                read.append(_sent(client) - before)
                time.sleep(PAUSE)
        reader.close()
        return {
            f"{name}_refresh": p95(took),
            f"{name}_bytes": mean(read),
            f"{name}_slowest": max(slowest()),
        }


def _dead_jobs(client: redis.Redis, argument: int) -> Iterator[list[bytes]]:
    now = seed.server_time(client)
    for first in range(0, JOBS, _BATCH):
        batch = []
        for n in range(first, first + _BATCH):
            error, trace = seed.traceback(n)
            job = replace(seed.job(n, enqueued_at=now - 90), args=("x" * argument, n), kwargs={})
            dead_job = dead_entry(
                seal(job, seed.KEYRING), failed_at=now - n / 10, error=error, traceback=trace * 10
            )
            batch.append(dead_job)
        yield batch


def _sent(client: redis.Redis) -> int:
    return int(client.info("stats")["total_net_output_bytes"])
