"""Jobs, dead jobs, records and workers as other programs would have left them in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from tests.conftest import SECRET_KEY

KEYS = Keys()
KEYRING = Keyring(SECRET_KEY.encode())
HOUR = 3600


def server_time(client: redis.Redis) -> float:
    seconds, micros = client.time()
    return seconds + micros / 1e6


def job(n: int, queue: str = "default", **fields: Any) -> Job:
    values: dict[str, Any] = {
        "module": "shop.tasks",
        "function": "send",
        "args": (n,),
        "retries": 3,
    }
    return Job(id=f"job-{n}", queue=queue, **(values | fields))


def push(client: redis.Redis, *jobs: Job) -> None:
    for each in jobs:
        client.lpush(KEYS.queue(each.queue), seal(each, KEYRING))


def die(
    client: redis.Redis, each: Job, error: str, *, failed_at: float, traceback: str = ""
) -> None:
    dead_job = dead_entry(
        seal(each, KEYRING), failed_at=failed_at, error=error, traceback=traceback
    )
    client.lpush(KEYS.dead, dead_job)


def work(
    client: redis.Redis, worker: str, *queues: str, lease: float = 30.0, **fields: Any
) -> None:
    """Register a worker whose lease runs out ``lease`` seconds from now."""
    now = server_time(client)
    client.zadd(KEYS.workers, {worker: (now + lease) * 1000})
    said: dict[str, Any] = {
        "host": "web1",
        "pid": 4711,
        "version": "0.1.0",
        "queues": ",".join(queues),
        "concurrency": 4,
        "processes": 2,
        "started_at": now - 60,
        "beat_at": now - 1,
        "running": 0,
        "rss": 50_000_000,
        "quiet": 0,
    }
    client.hset(KEYS.worker(worker), mapping=_fields(said | fields))
    client.expire(KEYS.worker(worker), HOUR)


def hold(client: redis.Redis, process: str, each: Job, *, started_at: float | None = None) -> None:
    """Let a worker's process hold a job, begun at ``started_at`` or not yet."""
    client.lpush(KEYS.active(process, each.queue), seal(each, KEYRING))
    if started_at is not None:
        record(client, each.id, status="running", started_at=started_at)


def record(client: redis.Redis, job_id: str, **fields: Any) -> None:
    client.hset(KEYS.job(job_id), mapping=_fields(fields))
    client.expire(KEYS.job(job_id), HOUR)


def tally(client: redis.Redis, key: str, **fields: int) -> None:
    client.hset(key, mapping=_fields(fields))
    client.expire(key, HOUR)


def _fields(fields: Mapping[str, Any]) -> Mapping[Any, Any]:
    # redis-py's type of a mapping is invariant in its keys and values.
    return dict(fields)
