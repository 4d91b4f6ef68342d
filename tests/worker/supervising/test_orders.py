"""Commands of an operator to a worker through Redis: quiet, resume, stop."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from functools import partial
from typing import Any

import pytest
import redis

from asok_core.errors import UsageError
from asok_core.operations.inspector import open_operator, open_reader
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import PATIENCE, environment, running, wait_until


def test_quiet_resume_and_stop(
    redis_url: str, redis_client: redis.Redis, make_settings: Any
) -> None:
    settings = make_settings()
    reader, operator = open_reader(settings), open_operator(settings)
    env = environment(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    )
    with running("-m", "asok_console", "worker", env=env) as program:
        wait_until(lambda: reader.snapshot().workers, "the worker")
        worker = reader.snapshot().workers[0].id

        assert operator.quiet(worker).applied == 1
        wait_until(lambda: reader.snapshot().workers[0].quiet, "quiet")
        assert operator.quiet(worker).skipped == {"already ordered": 1}
        redis_client.lpush("asok:queue", "not an envelope")
        wait_until(lambda: redis_client.llen("asok:queue") == 1, "the job to stay")

        operator.resume_worker(worker)
        wait_until(lambda: redis_client.llen("asok:dlq") == 1, "the job to be claimed")

        operator.stop(worker)
        assert program.wait(PATIENCE) == 0
    assert redis_client.zcard("asok:workers") == 0
    newest = reader.activity(10).readable()
    assert [each.action for each in newest][:3] == ["stop", "resume", "quiet"]
    stopped = reader.events(1).readable()[0]
    assert (stopped.kind, stopped.fields["reason"]) == (
        "worker_stopped",
        f"a command by {newest[0].who}",
    )
    with pytest.raises(UsageError, match="no worker"):
        operator.stop(worker)
    reader.close()
    operator.close()


def test_a_worker_reports_that_it_is_quiet_before_its_next_regular_heartbeat(
    run_worker: RunWorker, desk: Desk
) -> None:
    # With this lease the next regular heartbeat is later than any wait of a test.
    run_worker(ASOK_WORKER_LEASE="1d")
    desk.idle()
    wait_until(lambda: desk.client.pubsub_numsub(desk.keys.wake)[0][1], "the supervisor to listen")
    with (
        closing(open_reader(desk.settings)) as reader,
        closing(open_operator(desk.settings)) as operator,
    ):
        (worker,) = reader.snapshot().workers
        operator.quiet(worker.id)
        wait_until(lambda: reader.snapshot().workers[0].quiet, "quiet in the snapshot")
        operator.resume_worker(worker.id)
        wait_until(
            lambda: not reader.snapshot().workers[0].quiet, "no longer quiet in the snapshot"
        )


def test_commands_that_a_process_does_not_read_hold_up_no_heartbeat(
    run_worker: RunWorker, desk: Desk
) -> None:
    worker = run_worker(ASOK_WORKER_LEASE="2s")
    desk.idle()
    pid = worker.only_process()
    (name,) = desk.client.zrange(desk.keys.workers, 0, -1)
    hash_key = desk.keys.worker(name.decode())

    def has_heartbeat(former: bytes) -> bool:
        return bool(desk.client.hget(hash_key, "beat_at") != former)

    os.kill(pid, signal.SIGSTOP)
    try:
        pipeline = desk.client.pipeline(transaction=False)
        for number in range(3000):
            pipeline.publish(desk.keys.wake, f"cancel {number:036}")
        pipeline.execute()
        for _ in range(8):
            former = desk.client.hget(hash_key, "beat_at")
            wait_until(partial(has_heartbeat, former), "a heartbeat")
    finally:
        os.kill(pid, signal.SIGCONT)
    job = desk.enqueue("give")
    desk.reaches(job, "completed")
    assert worker.stop() == 0


def test_an_order_cannot_be_smuggled_in_with_an_id(run_worker: RunWorker, desk: Desk) -> None:
    worker = run_worker()
    desk.idle()
    pid = worker.only_process()
    desk.client.publish(desk.keys.wake, "cancel x\ndrain")
    desk.client.publish(desk.keys.wake, "pause default")
    job = desk.enqueue("give")
    desk.reaches(job, "completed")
    desk.idle()
    assert worker.only_process() == pid
