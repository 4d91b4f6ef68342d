"""Dead jobs that are too old are dropped, oldest first, and counted."""

from __future__ import annotations

import re
import time

import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.dead_job_expiry import drop_aged
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from tests.fixtures.worker import RunWorker
from tests.programs import wait_until

KEYRING = Keyring(b"key")


def dead_job(name: str, age: float, queue: str = "default") -> bytes:
    envelope = seal(Job(name, "shop", "send", queue=queue), KEYRING)
    return dead_entry(envelope, failed_at=time.time() - age, error="ValueError: no")


def test_only_the_aged_go(redis_url: str, redis_client: redis.Redis) -> None:
    dead_jobs = [dead_job(f"old-{n}", 1000 + n, "mail") for n in range(450)]
    dead_jobs += [dead_job(f"young-{n}", 10) for n in range(3)]
    redis_client.rpush("asok:dlq", *reversed(dead_jobs))
    connection = Endpoint(redis_url).connect()
    assert drop_aged(connection, Keys(), max_age=500) == (450, False)
    assert redis_client.lrange("asok:dlq", 0, -1) == dead_jobs[:-4:-1]
    counted = [
        int(redis_client.hget(key, "dropped") or 0)
        for key in redis_client.keys("asok:stats:mail:m*")
    ]
    assert sum(counted) == 450
    assert drop_aged(connection, Keys(), max_age=500) == (0, False)
    connection.close()


def test_a_call_ends_in_time_and_the_next_continues(
    redis_url: str, redis_client: redis.Redis
) -> None:
    redis_client.rpush("asok:dlq", *(dead_job(f"old-{n}", 1000) for n in range(450)))
    connection = Endpoint(redis_url).connect()
    calls = [drop_aged(connection, Keys(), max_age=500, seconds=0.0) for _ in range(4)]
    assert calls == [(200, True), (200, True), (50, True), (0, False)]
    connection.close()


def test_a_dead_job_without_a_date_goes_only_with_a_younger_one(
    redis_url: str, redis_client: redis.Redis
) -> None:
    undated = b'{"module": "shop", "function": "send"}'
    connection = Endpoint(redis_url).connect()
    redis_client.rpush("asok:dlq", dead_job("young", 1), undated)
    assert drop_aged(connection, Keys(), max_age=500) == (0, False)
    redis_client.delete("asok:dlq")
    redis_client.rpush("asok:dlq", dead_job("young", 1), dead_job("old", 1000), undated)
    assert drop_aged(connection, Keys(), max_age=500) == (2, False)
    assert redis_client.llen("asok:dlq") == 1
    connection.close()


def test_a_worker_drops_them_and_reports_how_many(
    run_worker: RunWorker, redis_client: redis.Redis
) -> None:
    redis_client.rpush("asok:dlq", *(dead_job(f"young-{n}", 10) for n in range(3)))
    redis_client.rpush("asok:dlq", *(dead_job(f"old-{n}", 1000) for n in range(450)))
    worker = run_worker(ASOK_DLQ_MAX_AGE="500s")

    def dropped() -> int:
        # A busy machine drops them in several turns, of which each is bounded in time.
        found = re.findall(r"Dropped (\d+) dead jobs older than ASOK_DLQ_MAX_AGE", worker.log)
        return sum(map(int, found))

    wait_until(lambda: dropped() == 450, lambda: f"450 to be dropped:\n{worker.log}")
    assert redis_client.llen("asok:dlq") == 3
    assert all(b"young-" in each for each in redis_client.lrange("asok:dlq", 0, -1))
