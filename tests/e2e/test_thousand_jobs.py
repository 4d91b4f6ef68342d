"""An application enqueues a thousand jobs, two workers run them, and the status agrees with
Redis.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import redis

from tests.conftest import SECRET_KEY
from tests.programs import environment, python, running, status, wait_until

APP = Path(__file__).parent / "app"
WORKER = ("-m", "asok_console", "worker", "--concurrency", "4")


def in_redis(client: redis.Redis) -> dict[str, Any]:
    return {
        "high": client.llen("asok:queue:high"),
        "default": client.llen("asok:queue"),
        "low": client.llen("asok:queue:low"),
        "delayed": client.zcard("asok:delayed_tasks"),
        "dead": client.llen("asok:dlq"),
        "running": sum(client.llen(key) for key in client.keys("asok:active:*")),
    }


def reported(env: dict[str, str]) -> dict[str, Any]:
    found = status(env)
    counts = {queue["name"]: queue["pending"] for queue in found["queues"]}
    assert found["pending"] == sum(counts.values())
    return counts | {name: found[name] for name in ("delayed", "dead", "running")}


def statuses(client: redis.Redis) -> Counter[Any]:
    return Counter(client.hget(key, "status") for key in client.keys("asok:job:*"))


def test_thousand_jobs(redis_url: str, redis_client: redis.Redis, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    env = environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "JOURNAL": str(journal),
        },
        APP,
    )
    python("-c", "import chores; chores.enqueue_thousand()", env=env)
    expected = in_redis(redis_client)
    assert sum(expected.values()) == 1000
    assert reported(env) == expected
    assert statuses(redis_client) == {b"pending": 1000}

    # Half-way both workers are stopped: they return their jobs, and the totals still agree.
    with running(*WORKER, env=env), running(*WORKER, env=env):
        wait_until(lambda: len(journal.read_text().split()) > 300, "300 jobs")
    halfway = in_redis(redis_client)
    assert reported(env) == halfway
    assert halfway["running"] == 0
    ended = statuses(redis_client)
    assert ended[b"failed"] == halfway["dead"]
    assert ended[b"completed"] + ended[b"failed"] + ended[b"retrying"] + ended[b"pending"] == 1000
    assert ended[b"pending"] + ended[b"retrying"] == sum(halfway.values()) - halfway["dead"]

    with running(*WORKER, env=env), running(*WORKER, env=env):
        wait_until(
            lambda: statuses(redis_client) == {b"completed": 960, b"failed": 40},
            "the end of all jobs",
        )
        wait_until(lambda: reported(env) == in_redis(redis_client), "agreement")
    assert reported(env) == {
        "high": 0,
        "default": 0,
        "low": 0,
        "delayed": 0,
        "dead": 40,
        "running": 0,
    }
    ran = Counter(journal.read_text().split())
    assert len(ran) == 1000
    assert set(ran.values()) == {1}, "every job completed exactly once"
