"""Promotion in bounded batches, by one supervisor at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming.promotion import BATCH_BYTES, CLAIM, promote_due
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring

KEYS = Keys()
KEYRING = Keyring(b"key")
SIZE = 100_000


@pytest.fixture
def connection(redis_url: str) -> Iterator[Connection]:
    connection = Endpoint(redis_url).connect()
    yield connection
    connection.close()


def delay(client: redis.Redis, count: int, size: int = 10) -> list[str]:
    """Jobs that are due, in that order."""
    names = [f"job-{n:03}" for n in range(count)]
    jobs = (Job(name, "shop", "send", ("x" * size,)) for name in names)
    client.zadd(KEYS.delayed, {seal(job, KEYRING): n for n, job in enumerate(jobs)})
    return names


def pending(client: Any) -> list[str]:
    return [peek(raw).id for raw in reversed(client.lrange(KEYS.queue("default"), 0, -1))]


def test_a_batch_holds_no_more_bytes_than_fit(
    connection: Connection, redis_client: redis.Redis
) -> None:
    names = delay(redis_client, 50, SIZE)
    counts = []
    while redis_client.zcard(KEYS.delayed):
        done = promote_due(connection, KEYS, by="one", seconds=0.0)
        assert done.next_due_in == 0.0, "there is more to do at once"
        counts.append(done.moved)
    assert sum(counts) == 50
    assert max(counts) <= BATCH_BYTES // SIZE + 1
    assert pending(redis_client) == names


def test_one_job_that_is_larger_than_a_batch_is_promoted(
    connection: Connection, redis_client: redis.Redis
) -> None:
    names = delay(redis_client, 2, 2 * BATCH_BYTES)
    assert promote_due(connection, KEYS, by="one", seconds=0.0).moved == 1
    assert promote_due(connection, KEYS, by="one", seconds=60).moved == 1
    assert pending(redis_client) == names


def test_what_is_not_due_yet_is_left(connection: Connection, redis_client: redis.Redis) -> None:
    delay(redis_client, 30)
    later = seal(Job("later", "shop", "send"), KEYRING)
    redis_client.zadd(KEYS.delayed, {later: float(redis_client.time()[0]) + 600})
    done = promote_due(connection, KEYS, by="one", seconds=60)
    assert done.moved == 30
    assert done.next_due_in is not None
    assert 500 < done.next_due_in <= 600
    assert redis_client.zrange(KEYS.delayed, 0, -1) == [later]


def test_it_is_left_to_the_one_that_is_at_it(
    connection: Connection, redis_client: redis.Redis
) -> None:
    names = delay(redis_client, 600)
    assert promote_due(connection, KEYS, by="one", seconds=0.0).moved == 200
    other = promote_due(connection, KEYS, by="two", seconds=60)
    assert (other.moved, other.next_due_in) == (0, None)
    assert 0 < redis_client.pttl(KEYS.promoting) <= CLAIM * 1000
    assert promote_due(connection, KEYS, by="one", seconds=60).moved == 400
    assert not redis_client.exists(KEYS.promoting), "nothing is due"
    delay(redis_client, 600)
    assert promote_due(connection, KEYS, by="two", seconds=60).moved == 600
    assert pending(redis_client) == names * 2


def test_one_that_died_of_it_delays_no_other(
    connection: Connection, redis_client: redis.Redis
) -> None:
    delay(redis_client, 3)
    redis_client.set(KEYS.promoting, "dead", px=1)
    while redis_client.exists(KEYS.promoting):
        pass
    assert promote_due(connection, KEYS, by="two", seconds=60).moved == 3


@pytest.mark.parametrize("ttl", [None, 3600])
def test_nor_does_one_whose_time_is_longer_than_it_can_be(
    connection: Connection, redis_client: redis.Redis, ttl: int | None
) -> None:
    """The clock of Redis was set back, or a person has set the key."""
    delay(redis_client, 3)
    redis_client.set(KEYS.promoting, "dead", ex=ttl)
    assert promote_due(connection, KEYS, by="two", seconds=60).moved == 3
    assert not redis_client.exists(KEYS.promoting)


def test_a_key_of_another_type_holds_up_nothing(
    connection: Connection, redis_client: redis.Redis
) -> None:
    delay(redis_client, 3)
    redis_client.lpush(KEYS.promoting, "not a name")
    assert promote_due(connection, KEYS, by="two", seconds=60).moved == 3


def test_what_cannot_be_read_is_counted_as_failed_and_dead(
    connection: Connection, redis_client: redis.Redis
) -> None:
    """As wherever else a job is rejected: the failure rate agrees with the dead-letter queue."""
    redis_client.zadd(KEYS.delayed, {"not an envelope": 1})
    promote_due(connection, KEYS, by="one", seconds=60)
    assert redis_client.llen(KEYS.dead) == 1
    (minute,) = redis_client.scan_iter(f"{KEYS.namespace}:stats:default:m*")
    assert redis_client.hgetall(minute) == {b"failed": b"1", b"dead": b"1"}
