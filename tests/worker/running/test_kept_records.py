"""How small the record of a completed job is, and for how long it and its result are kept."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core import ResultNotStored, background, configure, get_job, shutdown, task
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.jobs.calls import make_call
from asok_core.jobs.job import NOT_KEPT, Job
from asok_core.jobs.job_text import from_text, to_text
from asok_core.settings.settings import Settings
from tests.fixtures.worker import Desk, RunWorker
from tests.worker import jobs

MOST = 300
"""Bytes of Redis memory for a completed job without result, with what its key and its expiry take."""
RELEASE = 32
"""Bytes that the release of the worker adds, of 12 characters as a commit has."""
COPIES = 4000
HOUR = 3600


def memory_of(server: EmbeddedRedis, client: Any, key: str) -> float:
    """Bytes that Redis needs for a key like this, measured on thousands of copies that expire."""
    dump, ttl = client.dump(key), client.pttl(key)
    pipeline = client.pipeline(transaction=False)
    before = client.info("memory")["used_memory"]
    for _ in range(COPIES):
        pipeline.restore(f"asok:job:{uuid.uuid4()}", ttl, dump)
    pipeline.execute()
    return float(client.info("memory")["used_memory"] - before) / COPIES


@pytest.mark.parametrize("release", ["", "4f2a1c77aa00"])
@pytest.mark.parametrize("keep_result", [None, False])
def test_a_completed_job_without_result_takes_300_bytes_at_most(
    own_desk: Desk,
    server: EmbeddedRedis,
    run_worker: RunWorker,
    tmp_path: Path,
    *,
    keep_result: Any,
    release: str,
) -> None:
    """Where the release of its worker is known, those that this takes come on top."""
    job = own_desk.enqueue("note", "job", keep_result=keep_result)
    worker = run_worker(cwd=tmp_path, ASOK_REDIS_URL=server.url, ASOK_RELEASE=release)
    own_desk.reaches(job, "completed")
    # Buffers of its connections are no part of it.
    assert worker.stop() == 0
    assert memory_of(server, own_desk.client, own_desk.keys.job(job.id)) <= MOST + (
        RELEASE if release else 0
    )


def test_a_small_record_reports_all_that_a_large_one_did(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("hold", "job", retries=2, queue="low")
    pending = desk.record(job)
    run_worker()
    running = desk.reaches(job, "running")
    desk.release("job")
    done = desk.reaches(job, "completed")
    assert (done.function, done.queue) == ("tests.worker.jobs.hold", "low")
    assert (done.retries, done.retry_count, done.result) == (2, 0, "null")
    assert (done.error, done.error_line, done.result_error) == (None, None, None)
    assert (done.enqueued_at, done.started_at) == (pending.enqueued_at, running.started_at)
    assert done.worker == running.worker
    assert done.finished_at == done.ts
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.finished_at > done.started_at
    fields = desk.client.hgetall(desk.keys.job(job.id))
    assert not {b"started_at", b"finished_at", b"error", b"retry_count"} & set(fields)


def test_a_record_of_an_older_version_is_read_as_it_was(desk: Desk) -> None:
    fields = {
        "status": "completed",
        "function": "m.f",
        "queue": "low",
        "ts": "1700000003.500000",
        "retries": "3",
        "retry_count": "1",
        "enqueued_at": "1700000000.000000",
        "started_at": "1700000001.250000",
        "finished_at": "1700000003.400000",
        "result": '"x"',
        "error": "",
        "worker": "w.1",
    }
    desk.client.hset(desk.keys.job("old"), mapping=fields)
    desk.client.expire(desk.keys.job("old"), HOUR)
    record = desk.producer.record("old")
    assert record is not None
    assert (record.ts, record.finished_at, record.started_at, record.enqueued_at) == (
        *(1700000003.5, 1700000003.4),
        *(1700000001.25, 1700000000.0),
    )
    assert (record.retries, record.retry_count, record.queue) == (3, 1, "low")
    assert (record.result, record.worker) == ('"x"', "w.1")


def test_how_long_a_record_is_kept(desk: Desk, run_worker: RunWorker) -> None:
    plain = desk.enqueue("give", 1)
    longer = desk.enqueue("give", 2, keep_result=30 * HOUR)
    no_result = desk.enqueue("give", 3, keep_result=False)
    failing = desk.enqueue("fail", "as it is to")
    run_worker(ASOK_RECORD_TTL="2h")
    for job in (plain, longer, no_result):
        desk.reaches(job, "completed")
    desk.reaches(failing, "failed")
    kept = [desk.client.ttl(desk.keys.job(job.id)) for job in (plain, longer, no_result, failing)]
    hours = [2, 30, 2, 24]
    assert all(0 <= hour * HOUR - ttl < 300 for hour, ttl in zip(hours, kept, strict=True)), kept
    assert [desk.record(job).result for job in (plain, longer, no_result)] == ["1", "2", None]
    assert desk.record(no_result).result_error == NOT_KEPT


def test_a_record_of_the_framework_stays_json_and_says_why_it_has_no_result(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("give", 3, keep_result=False)
    desk.client.delete(desk.keys.job(job.id))
    text = {"status": "pending", "function": "f", "ts": 1.0, "result": None, "error": None}
    desk.client.set(desk.keys.job(job.id), json.dumps(text), ex=HOUR)
    run_worker(ASOK_RECORD_TTL="2h")
    record = desk.reaches(job, "completed")
    assert (record.foreign, record.result, record.result_error) == (True, None, NOT_KEPT)
    raw = json.loads(desk.client.get(desk.keys.job(job.id)))
    assert raw["started_at"] <= raw["finished_at"]
    assert desk.client.ttl(desk.keys.job(job.id)) > HOUR


def test_a_future_says_that_the_result_was_not_to_be_kept(
    desk: Desk, run_worker: RunWorker
) -> None:
    backend = RedisBackend(desk.settings)
    try:
        future = backend.enqueue(make_call(jobs.give, 3, _keep_result=False))
        run_worker()
        with pytest.raises(ResultNotStored, match="keep_result is False"):
            future.result(60)
    finally:
        backend.shutdown(wait=False, timeout=None)


@pytest.fixture(params=["local", "eager"])
def in_process(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    shutdown(timeout=30)
    configure()


def test_in_threads_and_in_the_caller_it_is_the_same(
    in_process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(Settings.load({"ASOK_QUEUE_BACKEND": in_process, "ASOK_RECORD_TTL": "2h"}))

    @task(keep_result=False)
    def secret() -> int:
        return 42

    unkept, plain = secret.delay(), background(jobs.give, 1)
    longer = secret.options(keep_result=timedelta(hours=30)).delay()
    with pytest.raises(ResultNotStored, match="keep_result is False"):
        unkept.result(30)
    assert [each.result(30) for each in (plain, longer)] == [1, 42]
    records = [get_job(each.job_id) for each in (unkept, plain, longer)]
    assert [each.result for each in records] == [None, "1", "42"]
    assert records[0].result_error == NOT_KEPT
    now = records[1].finished_at
    assert now is not None
    monkeypatch.setattr("asok_core.backends.in_process.now", lambda: now + 3 * HOUR)
    assert get_job(longer.job_id).status == "completed"
    for gone in (unkept, plain):
        with pytest.raises(LookupError):
            get_job(gone.job_id)


@pytest.mark.parametrize("value", [0, -1, 0.5, float("inf"), float("nan"), timedelta(0), 10**10])
def test_a_duration_that_cannot_be(value: Any) -> None:
    with pytest.raises(ValueError, match="_keep_result"):
        make_call(jobs.give, 1, _keep_result=value)


@pytest.mark.parametrize("value", ["1h", [], object()])
def test_what_is_no_duration(value: Any) -> None:
    with pytest.raises(TypeError, match="_keep_result"):
        make_call(jobs.give, 1, _keep_result=value)


@pytest.mark.parametrize("value", [None, False, 60.0])
def test_it_is_part_of_the_job(value: Any) -> None:
    job = Job("id", "m", "f", enqueued_at=1.0, keep_result=value)
    assert from_text(to_text(job)).keep_result == value
    assert ("keep_result" in json.loads(to_text(job))) == (value is not None)


@pytest.mark.parametrize("value", [True, 0, -5, "x", 1e300, None, {}])
def test_a_foreign_value_counts_as_none(value: Any) -> None:
    fields = json.loads(to_text(Job("id", "m", "f", enqueued_at=1.0)))
    assert from_text(json.dumps(fields | {"keep_result": value})).keep_result is None
