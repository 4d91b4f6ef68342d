"""``ASOK_RECORDS=framework``: records that the framework's own worker can read and write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing import foreign_workers as missing
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.roles import Scope
from asok_core.errors import JobFailed, ResultNotStored
from asok_core.inspection.history import LATER, history_of
from asok_core.inspection.job_events import JobEventKind
from asok_core.jobs.calls import make_call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.states import Location, Status
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.elapsed import DAY, let_pass
from tests.peer.app import orders
from tests.peer.conftest import APP
from tests.programs import PATIENCE, python, running, wait_until

OUR_WORKER = ("-m", "asok_console", "worker", "--concurrency", "2")
ITS_WORKER = ("-m", "asok", "worker")


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """With records that the framework can read and write."""
    return {**env, "ASOK_RECORDS": "framework"}


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(ASOK_RECORDS="framework")


@pytest.fixture
def backend(settings: Settings) -> Iterator[RedisBackend]:
    made = RedisBackend(settings)
    yield made
    made.shutdown(wait=True, timeout=None)


def enqueue(backend: RedisBackend, name: str, *args: Any, **options: Any) -> JobFuture[Any]:
    return backend.enqueue(make_call(getattr(orders, name), *args, **options))


def fields(client: redis.Redis, job_id: str) -> dict[str, Any]:
    text = client.get(f"asok:job:{job_id}")
    assert isinstance(text, bytes)
    found: dict[str, Any] = json.loads(text)
    return found


def settle(backend: RedisBackend, future: JobFuture[Any], status: str) -> None:
    def there() -> bool:
        record = backend.record(future.job_id)
        return record is not None and record.status == status

    wait_until(there, f"{status} of {future.job_id}")


def test_its_worker_reports_how_our_jobs_ended(
    backend: RedisBackend, env: dict[str, str], redis_client: redis.Redis
) -> None:
    good = enqueue(backend, "note", "good", _queue="high")
    flaky = enqueue(backend, "fail_once", "flaky", _retries=2, _backoff=1)
    bad = enqueue(backend, "fail", "bad", _retries=1, _backoff=1)
    with running(*ITS_WORKER, env=env, cwd=APP):
        assert good.result(timeout=PATIENCE) == "noted good"
        assert flaky.result(timeout=PATIENCE) == "noted flaky"
        with pytest.raises(JobFailed, match="no luck with bad"):
            bad.result(timeout=PATIENCE)
    for future, status in ((good, "completed"), (flaky, "completed"), (bad, "failed")):
        record = backend.record(future.job_id)
        assert record is not None
        assert record.status == status
        assert record.enqueued_at is not None
        assert record.function.endswith(("orders.note", "orders.fail_once", "orders.fail"))
        assert redis_client.ttl(f"asok:job:{future.job_id}") <= DAY
    assert redis_client.llen("asok:dlq") == 1


def test_a_result_that_its_worker_changed_is_not_returned(
    backend: RedisBackend, env: dict[str, str]
) -> None:
    due, pair, later, count = (
        enqueue(backend, name, name) for name in ("due", "pair", "later", "count")
    )
    with running(*ITS_WORKER, env=env, cwd=APP):
        assert count.result(timeout=PATIENCE) == {"count": [5]}
        for future, words in (
            (due, "it wrote a str; the annotation is datetime"),
            (pair, r"it wrote a list; the annotation is tuple\[str, int\]"),
            (later, "it does not run async functions, and this task is one"),
        ):
            with pytest.raises(ResultNotStored, match=f"the asok framework ran it, and {words}"):
                future.result(timeout=PATIENCE)
    record = backend.record(due.job_id)
    assert record is not None
    assert record.result == '"2026-01-01 00:00:00+00:00"'


def test_its_worker_reports_that_our_job_is_retried(
    backend: RedisBackend, env: dict[str, str]
) -> None:
    late = enqueue(backend, "fail", "late", _retries=1, _backoff=1000)
    with running(*ITS_WORKER, env=env, cwd=APP):
        settle(backend, late, Status.RETRYING)
    assert not late.done()


def test_our_worker_and_reader_support_such_records(
    backend: RedisBackend, settings: Settings, env: dict[str, str], redis_client: redis.Redis
) -> None:
    good = enqueue(backend, "note", "good", _retries=3)
    flaky = enqueue(backend, "fail_once", "flaky", _retries=2, _backoff=1)
    bad = enqueue(backend, "fail", "bad", _retries=1, _backoff=1)
    delayed = enqueue(backend, "note", "delayed", _delay=DAY)
    with running(*OUR_WORKER, env=env):
        assert good.result(timeout=PATIENCE) == "noted good"
        assert flaky.result(timeout=PATIENCE) == "noted flaky"
        with pytest.raises(JobFailed, match="no luck with bad"):
            bad.result(timeout=PATIENCE)
    reader = open_reader(settings)
    seen = {future: reader.job(future.job_id) for future in (good, flaky, bad, delayed)}
    reader.close()
    records = {future: detail.record for future, detail in seen.items() if detail and detail.record}
    assert len(records) == 4
    for future in (good, flaky, bad):
        assert redis_client.type(f"asok:job:{future.job_id}") == b"string"
        record = records[future]
        assert record.queue == "default"
        assert record.worker
        assert record.enqueued_at is not None
        assert record.started_at is not None
        assert record.finished_at is not None
        assert record.enqueued_at <= record.started_at + 0.01
        assert record.started_at <= record.finished_at + 0.01
    assert (records[good].retries, records[good].retry_count) == (3, 0)
    assert (records[flaky].retries, records[flaky].retry_count) == (2, 1)
    assert (records[bad].status, records[bad].retry_count) == ("failed", 1)
    assert records[delayed].status == "scheduled"
    verbs = {
        future: [each.verb for each in detail.attempts] for future, detail in seen.items() if detail
    }
    assert verbs[flaky] == ["retry", "complete"]
    assert verbs[bad] == ["retry", "fail"]


def test_its_worker_can_report_jobs_that_an_operator_requeued(
    backend: RedisBackend, settings: Settings, env: dict[str, str], redis_client: redis.Redis
) -> None:
    flaky = enqueue(backend, "fail_once", "flaky")
    old = RedisBackend(
        Settings.load({"ASOK_REDIS_URL": settings.redis_url, "SECRET_KEY": SECRET_KEY})
    )
    # Enqueued before the setting was made.
    hashed = old.enqueue(make_call(orders.fail_once, "hashed"))
    with running(*OUR_WORKER, env=env):
        for future in (flaky, hashed):
            with pytest.raises(JobFailed):
                future.result(timeout=PATIENCE)
    # One record has expired before its dead job is requeued.
    redis_client.delete(f"asok:job:{flaky.job_id}")
    assert redis_client.type(f"asok:job:{hashed.job_id}") == b"hash"
    operator = open_operator(settings)
    assert operator.requeue(Scope(Location.DEAD)).applied == 2
    done = operator.cancel(Scope(Location.PENDING, queue="default"))
    operator.restore(done.operation or "")
    operator.close()
    for future in (flaky, hashed):
        known = fields(redis_client, future.job_id)
        assert known["status"] == "pending"
        assert not {"started_at", "finished_at", "worker"} & set(known)
        assert known["result"] is known["error"] is None
    with running(*ITS_WORKER, env=env, cwd=APP):
        for future in (flaky, hashed):
            settle(backend, future, Status.COMPLETED)
    record = old.record(hashed.job_id)
    assert record is not None
    assert record.result == '"noted hashed"'
    old.shutdown(wait=True, timeout=None)


def test_a_unique_key_is_released_when_its_worker_ends_the_job(
    backend: RedisBackend, env: dict[str, str], redis_client: redis.Redis
) -> None:
    first = enqueue(backend, "note", "first", _unique="u")
    assert enqueue(backend, "note", "first", _unique="u").job_id == first.job_id
    with running(*ITS_WORKER, env=env, cwd=APP):
        assert first.result(timeout=PATIENCE) == "noted first"
        second = enqueue(backend, "note", "second", _unique="u")
        assert second.job_id != first.job_id
        assert second.result(timeout=PATIENCE) == "noted second"
    assert redis_client.get("asok:unique:u") == second.job_id.encode()


def test_records_of_unfinished_jobs_are_kept_longer_than_the_24_h_of_the_framework(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = enqueue(backend, "note", "it")
    let_pass(redis_client, 3 * DAY)
    record = backend.record(future.job_id)
    assert record is not None
    assert (record.status, record.queue) == (Status.PENDING, "default")
    assert backend.cancel(future.job_id)


def test_asok_enqueue_writes_such_a_record(env: dict[str, str], redis_client: redis.Redis) -> None:
    done = python("-m", "asok_console", "enqueue", "orders:note", "it", env=env)
    known = fields(redis_client, done.strip())
    assert known["status"] == "pending"
    assert (known["function"], known["queue"], known["retry_count"]) == (
        "orders.note",
        "default",
        0,
    )


def test_without_the_setting_a_wait_for_the_result_logs_a_warning(
    env: dict[str, str],
    redis_client: redis.Redis,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(missing, "LOOK_EVERY", 0.5)
    plain = RedisBackend(make_settings())
    # A job that is not claimed yet, for which there is no warning.
    waiting = enqueue(plain, "note", "waiting", _queue="rare")
    taken = enqueue(plain, "note", "taken")
    for future in (taken, waiting):
        future.add_done_callback(lambda _done: None)  # which has it watched
    with running(*ITS_WORKER, env=env, cwd=APP):
        wait_until(lambda: "may never arrive" in caplog.text, "a warning")
    (line,) = [each.getMessage() for each in caplog.records if "never" in each.getMessage()]
    assert taken.job_id in line
    assert "ASOK_RECORDS=framework" in line
    assert redis_client.hget(f"asok:job:{taken.job_id}", "status") == b"pending"
    # After several checks there is still no warning about the other job.
    record = plain.record(waiting.job_id)
    assert record is not None
    connection = Endpoint(env["ASOK_REDIS_URL"]).connect()
    assert not missing.is_missing(connection, Keys(), record)
    connection.close()
    plain.shutdown(wait=False, timeout=None)


def test_a_claimed_job_and_a_job_in_a_long_queue_are_not_reported_missing(
    redis_client: redis.Redis,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, keys = RedisBackend(make_settings()), Keys()
    future = enqueue(plain, "note", "it")
    record = plain.record(future.job_id)
    assert record is not None
    connection = Endpoint(make_settings().redis_url).connect()
    # Claimed and not begun: its record is not yet updated.
    redis_client.zadd(keys.workers, {"w": 1})
    redis_client.hset(keys.worker("w"), "processes", "2")
    redis_client.expire(keys.worker("w"), 60)
    redis_client.lmove(keys.queue("default"), keys.active("w.2", "default"), "RIGHT", "LEFT")
    assert not missing.is_missing(connection, keys, record)
    redis_client.delete(keys.active("w.2", "default"))
    assert missing.is_missing(connection, keys, record)
    # Not a name of a worker of ours. It is not read whole, and what it holds is not known.
    redis_client.zadd(keys.workers, {"w" * 5_000_000: 1})
    received = redis_client.info()["total_net_output_bytes"]
    assert not missing.is_missing(connection, keys, record)
    assert redis_client.info()["total_net_output_bytes"] - received < 1_000_000
    redis_client.zrem(keys.workers, "w" * 5_000_000)
    for n in range(4):
        enqueue(plain, "note", f"{n}")
    monkeypatch.setattr(missing, "MOST_JOBS", 3)
    assert not missing.is_missing(connection, keys, record), (
        "the queue is longer than what is searched"
    )
    connection.close()
    plain.shutdown(wait=False, timeout=None)


def test_what_our_attempt_left_is_not_taken_for_that_of_its_worker(
    backend: RedisBackend, settings: Settings, env: dict[str, str], redis_client: redis.Redis
) -> None:
    """Its worker keeps all fields of a record but four, and sets its own over these."""
    flaky = enqueue(backend, "fail_once", "flaky", _retries=2, _backoff=4)
    bad = enqueue(backend, "fail", "bad", _retries=3, _backoff=4)
    with running(*OUR_WORKER, env={**env, "ASOK_RELEASE": "4f2a1c"}):
        for future in (flaky, bad):
            settle(backend, future, Status.RETRYING)
    reader = open_reader(settings)
    for future in (flaky, bad):
        detail = reader.job(future.job_id)
        assert detail is not None
        assert detail.record is not None
        assert (detail.record.release, detail.record.later_attempt) == ("4f2a1c", False)
    with running(*ITS_WORKER, env=env, cwd=APP):
        settle(backend, flaky, Status.COMPLETED)
        wait_until(
            lambda: "Attempt 2 failed" in (fields(redis_client, bad.job_id)["error"] or ""),
            "a failure on its worker",
        )
    for future, status in ((flaky, Status.COMPLETED), (bad, Status.RETRYING)):
        detail = reader.job(future.job_id)
        assert detail is not None
        record = detail.record
        assert record is not None
        assert record.status == status
        assert record.later_attempt
        # Neither where it ran last, nor on what release, nor for how long is known.
        assert (record.worker, record.release) == (None, None)
        assert (record.started_at, record.finished_at) == (None, None)
        events = [(each.what, each.detail) for each in history_of(detail, detail.read_at)]
        assert events[1][0] == "retried"
        assert (JobEventKind.NOT_KNOWN, LATER) in events
    reader.close()
