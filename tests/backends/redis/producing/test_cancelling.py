"""`cancel` on Redis reaches a job wherever it waits, also where no record states where that is."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from asok_core.backends.redis import locating as looking
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import JobNotFound
from asok_core.jobs.calls import make_call
from tests.fixtures.worker import Desk, RunWorker, foreign_envelope
from tests.samples import sample_tasks

if TYPE_CHECKING:
    import redis

WAIT = 30.0


@pytest.mark.parametrize(
    "options",
    [{}, {"_queue": "low"}, {"_queue": "reports"}, {"_delay": 3600}],
    ids=["default", "low", "reports", "delayed"],
)
def test_a_job_whose_record_is_gone(
    backend: RedisBackend, redis_client: redis.Redis, options: dict[str, object]
) -> None:
    futures = [backend.enqueue(make_call(sample_tasks.add, n, **options)) for n in range(5)]
    job_id = futures[2].job_id
    redis_client.delete(f"asok:job:{job_id}")
    assert backend.cancel(job_id) is True
    record = backend.record(job_id)
    assert record is not None
    assert record.status == "cancelled"
    assert backend.cancel(job_id) is False
    left = [backend.record(each.job_id) for each in futures]
    assert [record.status == "cancelled" for record in left if record] == [
        each.job_id == job_id for each in futures
    ]


def test_the_future_of_such_a_job_cancels_it_too(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    redis_client.delete(f"asok:job:{future.job_id}")
    with pytest.raises(JobNotFound):
        future.result(WAIT)
    assert future.cancel() is True
    assert redis_client.llen("asok:queue") == 0


@pytest.mark.keeps_keys("asok:queue:of-the-framework")
@pytest.mark.parametrize("queue", ["default", "of-the-framework"])
@pytest.mark.parametrize("record", [None, {"status": "pending"}, {"status": "queued?"}])
def test_a_job_of_the_framework(
    backend: RedisBackend, desk: Desk, queue: str, record: dict[str, object] | None
) -> None:
    key = desk.keys.queue(queue)
    jobs = [desk.job("note", "never") for _ in range(3)]
    for job in jobs:
        desk.client.lpush(key, foreign_envelope(job, queue=queue))
    job_id = jobs[1].id
    if record is not None:
        desk.client.set(f"asok:job:{job_id}", json.dumps(record), ex=600)
    assert backend.cancel(job_id) is True
    assert [each.id for each in desk.pending(queue)] == [jobs[0].id, jobs[2].id]
    desk.client.delete(key)


def test_an_id_among_the_arguments_of_another_job_is_not_that_job(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    job_id = "11111111-2222-4333-8444-555555555555"
    other = backend.enqueue(make_call(sample_tasks.add, job_id))
    assert backend.cancel(job_id) is False
    assert backend.record(other.job_id).status == "pending"  # type: ignore[union-attr]
    assert redis_client.llen("asok:queue") == 1
    redis_client.delete("asok:queue")


def test_a_queue_of_another_type_does_not_end_the_search(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    redis_client.set("asok:queue:high", "spoiled", ex=600)
    redis_client.set("asok:queues", "spoiled", ex=600)
    future = backend.enqueue(make_call(sample_tasks.add, 1, _queue="low"))
    redis_client.delete(f"asok:job:{future.job_id}")
    assert backend.cancel(future.job_id) is True


def test_a_search_that_takes_too_long_is_given_up_and_says_so(
    backend: RedisBackend,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(looking, "LONGEST", -1.0)
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    redis_client.delete(f"asok:job:{future.job_id}")
    assert backend.cancel(future.job_id) is False
    (line,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "given up" in line.getMessage()
    assert line.__dict__["job_id"] == future.job_id
    redis_client.delete("asok:queue")


def test_a_job_that_runs_without_a_record_is_asked_to_stop(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    job = desk.enqueue("run_until_cancelled")
    desk.reaches(job, "running")
    desk.client.delete(f"asok:job:{job.id}")
    backend = RedisBackend(desk.settings)
    assert backend.cancel(job.id) is False
    desk.reaches(job, "cancelled")
    backend.shutdown(wait=True, timeout=None)
