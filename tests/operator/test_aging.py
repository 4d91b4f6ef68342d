"""Dead letters that are too old are dropped, oldest first, and counted."""

from __future__ import annotations

import time

import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.dead_job_expiry import drop_aged
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import Keyring, bury, seal
from asok_core.jobs.job import Job

KEYRING = Keyring(b"key")


def letter(name: str, age: float, queue: str = "default") -> bytes:
    envelope = seal(Job(name, "shop", "send", queue=queue), KEYRING)
    return bury(envelope, failed_at=time.time() - age, error="ValueError: no")


def test_only_the_aged_go(redis_url: str, redis_client: redis.Redis) -> None:
    letters = [letter(f"old-{n}", 1000 + n, "mail") for n in range(450)]
    letters += [letter(f"young-{n}", 10) for n in range(3)]
    redis_client.rpush("asok:dlq", *reversed(letters))
    link = Endpoint(redis_url).link()
    assert drop_aged(link, Keys(), max_age=500) == (450, False)
    assert redis_client.lrange("asok:dlq", 0, -1) == letters[:-4:-1]
    counted = [
        int(redis_client.hget(key, "dropped") or 0)
        for key in redis_client.keys("asok:stats:mail:m*")
    ]
    assert sum(counted) == 450
    assert drop_aged(link, Keys(), max_age=500) == (0, False)
    link.close()


def test_a_call_ends_in_time_and_the_next_goes_on(
    redis_url: str, redis_client: redis.Redis
) -> None:
    redis_client.rpush("asok:dlq", *(letter(f"old-{n}", 1000) for n in range(450)))
    link = Endpoint(redis_url).link()
    calls = [drop_aged(link, Keys(), max_age=500, seconds=0.0) for _ in range(4)]
    assert calls == [(200, True), (200, True), (50, True), (0, False)]
    link.close()


def test_a_letter_without_a_date_goes_only_with_a_younger_one(
    redis_url: str, redis_client: redis.Redis
) -> None:
    undated = b'{"module": "shop", "function": "send"}'
    link = Endpoint(redis_url).link()
    redis_client.rpush("asok:dlq", letter("young", 1), undated)
    assert drop_aged(link, Keys(), max_age=500) == (0, False)
    redis_client.delete("asok:dlq")
    redis_client.rpush("asok:dlq", letter("young", 1), letter("old", 1000), undated)
    assert drop_aged(link, Keys(), max_age=500) == (2, False)
    assert redis_client.llen("asok:dlq") == 1
    link.close()
