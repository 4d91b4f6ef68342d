"""The cost of bulk operations, compared with the administration functions of the framework."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.roles import OperationResult
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.operations.preview import resolved
from asok_core.settings.settings import Settings
from tests.benchmarks.console.data import Amounts
from tests.benchmarks.console.reading import slow_log
from tests.benchmarks.console.report import Figures
from tests.conftest import SECRET_KEY
from tests.tui import seed
from tests.tui.seed import KEYS

_ROOT = Path(__file__).parents[3]


def measure(settings: Settings, client: redis.Redis, amounts: Amounts) -> Figures:
    """Purge all dead jobs, undo that, and requeue them."""
    reader, operator = open_reader(settings), open_operator(settings)
    figures: Figures = {}
    with slow_log(client, "asok-operator") as slowest:
        scope = resolved(reader, Location.DEAD)
        began = time.perf_counter()
        purged = operator.purge(scope)
        figures["purge"] = time.perf_counter() - began
        _check(purged, amounts.dead)
        began = time.perf_counter()
        _check(operator.restore(purged.operation or ""), amounts.dead)
        figures["undo"] = time.perf_counter() - began
        scope = resolved(reader, Location.DEAD)
        began = time.perf_counter()
        _check(operator.requeue(scope), amounts.dead)
        figures["requeue"] = time.perf_counter() - began
    figures["bulk_slowest"] = max(slowest())
    operator.close()
    reader.close()
    return figures


def _check(result: OperationResult, expected: int) -> None:
    assert result.applied == expected, result


def framework(jobs: int) -> float:
    """Seconds in which ``asok.background.retry_dlq_job`` requeues ``jobs`` jobs, newest first."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        now = seed.server_time(client)
        for n in range(jobs):
            client.rpush(KEYS.dead, _bare_dead_job(n, now))
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.console.framework"],
            cwd=_ROOT,
            env=os.environ
            | {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": server.url,
                "SECRET_KEY": SECRET_KEY,
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        assert client.llen(KEYS.dead) == 0, done.stderr
    return float(done.stdout)


def _bare_dead_job(n: int, now: float) -> str:
    job = seed.job(n)
    return json.dumps(
        {
            "id": job.id,
            "module": job.module,
            "function": job.function,
            "args": job.args,
            "kwargs": job.kwargs,
            "queue": job.queue,
            "retries": 3,
            "retry_count": 3,
            "backoff": 2,
            "failed_at": now,
            "error": seed.traceback(n)[0],
        }
    )
