"""Faults of a peer that ours must not have, unless another test covers them.

Elsewhere: a backlog in memory at SIGTERM (tests/worker/supervising/test_stopping.py), signatures
    and malformed envelopes, SystemExit, overflow of backoff, async def
    (tests/worker/running/test_outcomes.py), a missing key and an unbounded dead-letter queue
    (tests/worker/test_options.py), WRONGTYPE (tests/worker/running/test_claiming.py), record and
    push (tests/model/test_crash_points.py), two operators
    (tests/backends/redis/operating/test_together.py), unsigned dead jobs
    (tests/backends/redis/operating/test_requeue.py), `executor` and calls without arguments
    (tests/api, tests/jobs).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.concurrently import run_together
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, Desk, RunWorker, foreign_envelope
from tests.programs import wait_until
from tests.reviewing import review_at


def test_no_outcome_is_lost_if_redis_stops_while_a_failure_is_recorded(
    embedded_redis: Callable[..., EmbeddedRedis], run_worker: RunWorker, tmp_path: Path
) -> None:
    server = embedded_redis("--appendonly", "yes", "--appendfsync", "always")
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    client = redis.Redis.from_url(server.url)
    here = Desk(settings, client, RedisProducer(settings), tmp_path)
    for_good = here.enqueue("hold_and_fail", "for good")
    again = here.enqueue("hold_and_fail", "again", retries=1, backoff=1000)
    worker = run_worker("--concurrency", "2", ASOK_REDIS_URL=server.url)
    here.wait_for_lines("begin for good", "begin again")
    server.stop(kill=True)
    here.release("for good")
    here.release("again")
    here.wait_for_lines("end for good", "end again")
    worker.wait_for_log("waiting for it", times=2)
    server.start()
    wait_until(lambda: here.dead() and here.delayed(), "both outcomes")
    assert [dead_job.id for dead_job in here.dead()] == [for_good.id]
    assert json.loads(json.loads(here.delayed()[0][0])["job"])["id"] == again.id
    assert here.record(for_good).status == "failed"
    assert here.record(again).status == "retrying"
    assert (here.counted("dead"), here.counted("retried"), here.counted("failed")) == (1, 1, 2)
    assert here.journal().count("begin for good") == 1
    assert here.active() == []
    worker.stop()
    here.producer.close()
    client.close()


def test_two_workers_that_promote_the_same_jobs_enqueue_none_twice(
    redis_url: str, redis_client: Any
) -> None:
    jobs = [Job(f"{n:04}", "m", "f") for n in range(3000)]
    for n, job in enumerate(jobs):
        redis_client.zadd("asok:delayed_tasks", {seal(job, KEYRING): n + 1})

    def promote() -> int:
        connection = Endpoint(redis_url).connect()
        moved: int = promote_due(connection, Keys(), by="w", seconds=60).moved
        connection.close()
        return moved

    moved = run_together(promote, promote)
    pending = [
        json.loads(json.loads(raw)["job"])["id"] for raw in redis_client.lrange("asok:queue", 0, -1)
    ]
    assert sorted(pending) == [job.id for job in jobs]
    assert sum(moved) == 3000
    assert redis_client.zcard("asok:delayed_tasks") == 0


def test_a_requeued_job_keeps_its_function_in_the_record(desk: Desk) -> None:
    ours = desk.job("fail")
    foreign = desk.job("fail")
    for job in (ours, foreign):
        dead_job = json.loads(foreign_envelope(job)) | {"failed_at": 1.0, "error": "no"}
        desk.client.lpush("asok:dlq", json.dumps(dead_job))
    desk.client.set(
        f"asok:job:{foreign.id}", json.dumps({"status": "failed", "function": foreign.task}), ex=60
    )
    operator = RedisOperator(Endpoint(desk.settings.redis_url), Keys(), KEYRING)
    assert operator.requeue(Scope(Location.DEAD)).applied == 2
    operator.close()
    for job in (ours, foreign):
        assert desk.record(job).function == job.task
        assert desk.record(job).status == "pending"


def test_a_job_with_a_bad_signature_can_be_requeued_if_it_is_trusted(
    desk: Desk, run_worker: RunWorker
) -> None:
    """The peer drops it. Here it becomes a dead job, which an operator can trust explicitly."""
    job = desk.job("note", "saved")
    desk.client.lpush("asok:queue", seal(job, Keyring(b"the key before the move")))
    run_worker()
    desk.reaches(desk.enqueue("give"), "completed")
    desk.reaches(job, "failed")
    operator = RedisOperator(Endpoint(desk.settings.redis_url), Keys(), KEYRING)
    assert operator.requeue(Scope(Location.DEAD)).applied == 0
    assert desk.journal() == []
    trust = review_at(desk.settings.redis_url, KEYRING).reviewed
    assert operator.requeue(Scope(Location.DEAD), trust=trust).applied == 1
    operator.close()
    desk.wait_for_lines("saved")
    desk.reaches(job, "completed")
