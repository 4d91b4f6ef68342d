"""Records that another program filled with hundreds of megabytes: an application does not receive them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.redis.calls.producing import ReportWaits
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.producing.foreign_workers import is_missing
from asok_core.errors import JobFailed, RecordTooLarge, ResultNotStored
from asok_core.jobs.calls import make_call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.oversized import MOST_READ
from asok_core.settings.settings import Settings
from tests.samples import sample_tasks
from tests.users import assert_all_allowed, user_url

KEYS = Keys()
WAIT = 30.0
VALUE = b"x" * (MOST_READ + 1)
LITTLE = 1 << 20
"""Bytes of replies, where each value has sixteen times as many."""


def received(client: redis.Redis) -> int:
    """Bytes that Redis has sent to all its clients."""
    return int(client.info("stats")["total_net_output_bytes"])


@pytest.fixture(params=["root", "application"])
def backend(
    request: pytest.FixtureRequest,
    redis_client: redis.Redis,
    redis_url: str,
    make_settings: Callable[..., Settings],
) -> Iterator[RedisBackend]:
    role = request.param
    url = redis_url if role == "root" else user_url(redis_client, role, redis_url)
    made = RedisBackend(make_settings(ASOK_REDIS_URL=url))
    yield made
    made.shutdown(wait=True, timeout=None)
    if role != "root":
        assert_all_allowed(redis_client, role)


def put(client: redis.Redis, job_id: str, **fields: str | bytes) -> None:
    base: dict[Any, Any] = {"status": "completed", "function": "shop.mail"}
    client.hset(KEYS.job(job_id), mapping=base | fields)
    client.expire(KEYS.job(job_id), 600)
    client.publish(KEYS.done(job_id), "completed")


def enqueued(backend: RedisBackend) -> JobFuture[Any]:
    return backend.enqueue(make_call(sample_tasks.add, 1))


def test_a_large_result_is_not_received_and_is_reported(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = enqueued(backend)
    before = received(redis_client)
    put(redis_client, future.job_id, result=VALUE)
    with pytest.raises(
        ResultNotStored, match=r"completed; its result is oversized: 16\.0 MiB, not read"
    ):
        future.result(WAIT)
    record = backend.record(future.job_id)
    assert record is not None
    assert (record.status, record.result) == ("completed", None)
    assert record.result_error == "its result is oversized: 16.0 MiB, not read"
    assert received(redis_client) - before < LITTLE


def test_a_large_error_is_not_received(backend: RedisBackend, redis_client: redis.Redis) -> None:
    future = enqueued(backend)
    before = received(redis_client)
    put(redis_client, future.job_id, status="failed", error=VALUE, error_line="ValueError: no luck")
    with pytest.raises(JobFailed, match="ValueError: no luck") as caught:
        future.result(WAIT)
    assert caught.value.traceback == "oversized: 16.0 MiB, not read"
    assert received(redis_client) - before < LITTLE


def test_a_large_record_of_json_is_not_received(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = enqueued(backend)
    before = received(redis_client)
    text = json.dumps({"status": "completed", "result": VALUE.decode()})
    # More than a value that is read has beside its result.
    redis_client.set(KEYS.job(future.job_id), text + " " * (1 << 21), ex=600)
    redis_client.publish(KEYS.done(future.job_id), "completed")
    with pytest.raises(RecordTooLarge, match=r"its record is oversized: 18\.0 MiB, not read"):
        future.result(WAIT)
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status == "unreadable"
    assert not backend.cancel("another"), "it works as before"
    assert received(redis_client) - before < LITTLE


def test_the_values_of_one_record_are_bounded_together(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    part = VALUE[: MOST_READ // 2 - 1000]
    before = received(redis_client)
    put(redis_client, "many", error=part, error_line=part, queue=part, worker=part, result=part)
    assert backend.record("many") is not None
    assert received(redis_client) - before < MOST_READ + LITTLE


@pytest.mark.parametrize("form", ["hash", "json"])
def test_a_result_of_any_size_that_the_settings_allow_arrives(
    make_settings: Callable[..., Settings], redis_client: redis.Redis, form: str
) -> None:
    backend = RedisBackend(make_settings(ASOK_MAX_RESULT="40MiB"))
    try:
        value = "x" * (36 << 20)
        future = enqueued(backend)
        if form == "hash":
            put(redis_client, future.job_id, result=json.dumps(value))
        else:
            text = json.dumps({"status": "completed", "function": "shop.mail", "result": value})
            redis_client.set(KEYS.job(future.job_id), text, ex=600)
            redis_client.publish(KEYS.done(future.job_id), "completed")
        assert future.result(WAIT) == value
    finally:
        backend.shutdown(wait=True, timeout=None)


def test_a_result_that_looks_like_what_was_cut_arrives(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    """Readers cut a long record, and put an ellipsis where they do."""
    value = {"text": "to be … continued", "status": "failed"}
    future = enqueued(backend)
    text = json.dumps({"status": "completed", "result": value}, ensure_ascii=False)
    redis_client.set(KEYS.job(future.job_id), text, ex=600)
    redis_client.publish(KEYS.done(future.job_id), "completed")
    assert future.result(WAIT) == value


def test_a_unique_key_of_any_size_is_not_received(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.unique("one"), VALUE, ex=600)
    before = received(redis_client)
    assert backend._producer.holder("one") != VALUE.decode()
    lost = enqueued(backend)
    redis_client.delete(KEYS.queue("default"))
    assert backend.cancel(lost.job_id), "a search for a lost job reads the unique keys"
    assert received(redis_client) - before < LITTLE
    other = backend.enqueue(make_call(sample_tasks.add, 1, _unique="two"))
    assert backend._producer.holder("two") == other.job_id


@pytest.mark.keeps_keys("asok:worker:w")
def test_the_search_for_a_job_that_is_nowhere_receives_nothing_that_is_held(
    backend: RedisBackend, redis_client: redis.Redis, redis_url: str
) -> None:
    lost, held = enqueued(backend), enqueued(backend)
    redis_client.zadd(KEYS.workers, {"w": 9e15})
    redis_client.hset(KEYS.worker("w"), mapping={"processes": 2})
    redis_client.lmove("asok:queue", KEYS.active("w.2", "default"), "LEFT", "RIGHT")
    redis_client.delete(KEYS.queue("default"))
    redis_client.lpush(KEYS.active("w.1", "default"), VALUE)
    connection = Endpoint(redis_url).connect()
    before = received(redis_client)
    found = {}
    for future in (lost, held):
        record = backend.record(future.job_id)
        assert record is not None
        found[future] = is_missing(connection, KEYS, record)
    assert (found[lost], found[held]) == (True, False)
    assert received(redis_client) - before < LITTLE


@pytest.mark.keeps_keys("asok:worker:w")
@pytest.mark.parametrize("name", ["slots", "processes", "many"])
def test_the_search_for_a_job_that_is_nowhere_receives_nothing_large_of_workers(
    backend: RedisBackend, redis_client: redis.Redis, redis_url: str, name: str
) -> None:
    lost = enqueued(backend)
    redis_client.delete(KEYS.queue("default"))
    if name == "many":
        redis_client.zadd(KEYS.workers, {f"{n:064}": 9e15 for n in range(100_000)})
    else:
        redis_client.zadd(KEYS.workers, {"w": 9e15})
        redis_client.hset(KEYS.worker("w"), mapping={name: VALUE})
    record = backend.record(lost.job_id)
    assert record is not None
    before = received(redis_client)
    assert not is_missing(Endpoint(redis_url).connect(), KEYS, record), "it is not known"
    assert received(redis_client) - before < LITTLE


@pytest.mark.keeps_keys("asok:worker:w", "asok:waits")
@pytest.mark.parametrize("where", ["waits", "many waits", "queues", "slots", "workers"])
def test_a_process_that_waits_receives_nothing_large_of_others(
    redis_client: redis.Redis, redis_url: str, where: str
) -> None:
    many = {f"{n:064}": 9e15 for n in range(100_000)}
    redis_client.zadd(KEYS.workers, {"w": 9e15} | (many if where == "workers" else {}))
    redis_client.hset(KEYS.worker("w"), mapping={"queues": "default", "slots": "1:1"})
    if where == "many waits":
        redis_client.hset("asok:waits", mapping=dict.fromkeys(many, "1.0 {}"))
    elif where == "waits":
        redis_client.hset("asok:waits", mapping={"w.1": VALUE, VALUE: "1.0 {}"})
    elif where != "workers":
        redis_client.hset(KEYS.worker("w"), where, VALUE)
    before = received(redis_client)
    # Tasks that wait are in a worker: its user is the one that must have the rights.
    connection = Endpoint(user_url(redis_client, "worker", redis_url)).connect()
    reply = connection.run(ReportWaits(ns=KEYS.namespace, process="w.2", mark="{}"))
    assert received(redis_client) - before < LITTLE
    unknown = where in ("queues", "slots", "workers")
    assert reply.workers == ([b"", b"", b""] if unknown else [b"w", b"default", b"1:1"])
    assert (b"w.2" in reply.marks) == (where != "many waits")
    assert_all_allowed(redis_client, "worker")
