"""What ends an attempt as an interruption and what does not, in a process of a worker that is drained."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from asok_core import JobInterrupted, Retry, cancelled, current_job, resumable
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Status
from asok_core.runtime import forks
from asok_core.worker.config import WorkerConfig
from asok_core.worker.running.process import Process
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import Desk
from tests.programs import wait_until

process: list[Process] = []
"""The process that runs these tasks, in this one."""


def drain() -> None:
    """Have the process drained, and wait until it knows."""
    alarm: Any = process[0]._alarm
    alarm.order("drain")
    reports: Any = current_job()._reports
    wait_until(lambda: reports.interrupts, "the order to drain", interval=0.005)


def keep_at_the_end() -> None:
    drain()
    current_job().checkpoint("here")


def swallow_exceptions() -> None:
    drain()
    with contextlib.suppress(Exception):
        current_job().checkpoint("here")


def swallow_all() -> str:
    drain()
    for _ in range(2):
        with contextlib.suppress(BaseException):
            current_job().checkpoint("here")
    return "done"


def raise_without_a_checkpoint() -> None:
    drain()
    raise JobInterrupted("by itself")


def raise_without_an_order() -> None:
    current_job().checkpoint("here")
    raise JobInterrupted("by itself")


def fail_when_interrupted() -> None:
    drain()
    try:
        current_job().checkpoint("here")
    except JobInterrupted as error:
        raise ValueError("cannot close") from error


async def in_a_group() -> None:
    async def keep() -> None:
        current_job().checkpoint("here")

    drain()
    async with asyncio.TaskGroup() as group:
        group.create_task(keep())
        group.create_task(keep())


async def in_a_thread() -> None:
    drain()
    await asyncio.to_thread(current_job().checkpoint, "here")


def when_asked_to_stop() -> None:
    current_job()._attempt.stop.asked = True  # type: ignore[attr-defined]
    assert cancelled()
    drain()
    current_job().checkpoint("here")


def retry_when_interrupted() -> None:
    drain()
    try:
        current_job().checkpoint("here")
    except JobInterrupted:
        raise Retry(after=1000) from None


def source_that_raises() -> None:
    def rows() -> Iterator[str]:
        yield "a"
        drain()
        raise ConnectionError("no more rows")

    for _ in resumable(rows()):
        pass


def invalid_cursor() -> None:
    drain()
    current_job().checkpoint({1, 2})


def return_after_the_order() -> str:
    current_job().checkpoint("here")
    drain()
    return "done"


INTERRUPTED = [keep_at_the_end, swallow_exceptions, in_a_group, in_a_thread]
FAILED = {
    raise_without_a_checkpoint: "JobInterrupted: by itself",
    raise_without_an_order: "JobInterrupted: by itself",
    fail_when_interrupted: "ValueError: cannot close",
    source_that_raises: "ConnectionError: no more rows",
    invalid_cursor: "TypeError: cursor is a set, which JSON cannot encode; pass a list",
}


@pytest.fixture
def run(desk: Desk) -> Iterator[Callable[[Callable[..., Any]], JobRecord]]:
    read, write = os.pipe()

    def run(task: Callable[..., Any]) -> JobRecord:
        settings = desk.settings
        with closing(Registry(Endpoint(settings.redis_url), desk.keys)) as registry:
            registry.heartbeat("w", ("default",), {"queues": "default", "processes": 1})
        job = Job(task.__name__, __name__, task.__name__, ())
        desk.producer.enqueue([job])
        config = WorkerConfig(settings, "w", ("default",), concurrency=1, max_jobs=1)
        with tempfile.TemporaryFile() as file:
            shared = SharedState(file, 1)
            alarm = Alarm(read)
            process[:] = [
                Process(config, "w.1", shared, alarm, slots=1, notify_supervisor=lambda: None)
            ]
            process[0].run()
            process[0]._dispatcher._threads.end()
            process[0]._consumer.close()
            process[0]._blocked.close()
        return desk.record(job)

    yield run
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("task", INTERRUPTED)
def test_it_returns_to_its_queue(
    desk: Desk, run: Callable[..., JobRecord], task: Callable[..., Any]
) -> None:
    record = run(task)
    assert (record.status, record.interruptions, record.retry_count) == ("pending", 1, 0)
    assert record.checkpoint is not None
    assert record.checkpoint.cursor == "here"
    assert len(desk.pending()) == 1
    assert desk.active() == []


@pytest.mark.parametrize("task", FAILED)
def test_it_fails(run: Callable[..., JobRecord], task: Callable[..., Any]) -> None:
    record = run(task)
    assert (record.status, record.interruptions) == ("failed", 0)
    assert record.error_line == FAILED[task]


@pytest.mark.parametrize("task", [swallow_all, return_after_the_order])
def test_a_task_that_returns_has_completed(
    run: Callable[..., JobRecord], task: Callable[..., Any]
) -> None:
    record = run(task)
    assert (record.status, record.interruptions, record.checkpoint) == ("completed", 0, None)
    assert record.result == '"done"'


def test_a_job_that_is_asked_to_stop_does_not_resume(run: Callable[..., JobRecord]) -> None:
    assert run(when_asked_to_stop).status == "cancelled"


def test_a_job_that_an_operator_cancelled_meanwhile_does_not_resume(
    desk: Desk, run: Callable[..., JobRecord]
) -> None:
    """The request reaches Redis before the interruption, and the process after it."""
    key = desk.keys.job("keep_at_the_end")
    cancel = {"cancel_asked": "1700000000", "cancel_by": "ann"}
    enqueue = desk.producer.enqueue

    def enqueue_and_cancel(jobs: Any) -> Any:
        replies = enqueue(jobs)
        desk.client.hset(key, mapping=cancel)
        return replies

    desk.producer.enqueue = enqueue_and_cancel  # type: ignore[method-assign]
    record = run(keep_at_the_end)
    assert (record.status, record.interruptions) == (Status.CANCELLED, 0)
    assert desk.pending() == []


def test_a_retry_beside_an_interruption_is_one(desk: Desk, run: Callable[..., JobRecord]) -> None:
    record = run(retry_when_interrupted)
    assert (record.status, record.interruptions) == ("failed", 0)
    assert record.checkpoint is not None


def ask_in_a_fork() -> str:
    forks.generation += 1
    try:
        current_job().cursor  # noqa: B018
    except RuntimeError as error:
        return str(error)
    finally:
        forks.generation -= 1
    return ""


def test_a_fork_of_a_task_does_not_wait_for_a_cursor(run: Callable[..., JobRecord]) -> None:
    assert "ask before the fork" in str(run(ask_in_a_fork).result)
