"""Who stops waiting for a job does not stop the job: not asyncio, not an executor, not a time limit."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from asok_core.backends.application import ApplicationBackend
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import JobCancelled, JobFailed
from asok_core.jobs.calls import make_call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.states import Status
from asok_core.settings.settings import Settings
from tests.samples import sample_tasks

WAIT = 30.0
Wait = Callable[[JobFuture[Any]], Awaitable[Any]]


async def awaited(future: JobFuture[Any]) -> Any:
    return await future


async def in_an_executor(future: JobFuture[Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, future.result, WAIT)


async def gathered(future: JobFuture[Any]) -> Any:
    (result,) = await asyncio.gather(asyncio.wrap_future(future))
    return result


async def in_a_group(future: JobFuture[Any]) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(awaited(future))
    return task.result()


WAITS: list[Wait] = [awaited, asyncio.wrap_future, gathered, in_an_executor, in_a_group]


class Waiting:
    """A backend, and a job on it that waits until it is let."""

    def __init__(
        self,
        backend: ApplicationBackend,
        finish: Callable[[str], None],
        start: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.backend = backend
        self._finish = finish
        self._start = start
        self.open = threading.Event()

    def job(self) -> JobFuture[Any]:
        if isinstance(self.backend, LocalBackend):
            self.backend.enqueue(make_call(self.open.wait, WAIT))
        return self.backend.enqueue(make_call(sample_tasks.add, 1, b=1))

    def finish(self, future: JobFuture[Any]) -> None:
        self.open.set()
        self._finish(future.job_id)

    def start(self, future: JobFuture[Any]) -> None:
        """Let the record of a job on Redis say that it runs, as a worker does."""
        self._start(future.job_id)

    def status(self, future: JobFuture[Any]) -> str:
        record = self.backend.record(future.job_id)
        assert record is not None
        return str(record.status)


@pytest.fixture(params=["local", "redis"])
def waiting(request: pytest.FixtureRequest) -> Iterator[Waiting]:
    if request.param == "local":
        made = Waiting(LocalBackend(Settings(), bg_workers=1), lambda _: None)
    else:
        client = request.getfixturevalue("redis_client")

        def finish(job_id: str) -> None:
            client.hset(f"asok:job:{job_id}", mapping={"status": "completed", "result": "2"})
            client.publish(f"asok:done:{job_id}", "completed")
            client.delete("asok:queue")

        def start(job_id: str) -> None:
            client.hset(f"asok:job:{job_id}", "status", "running")

        made = Waiting(RedisBackend(request.getfixturevalue("make_settings")()), finish, start)
    yield made
    made.open.set()
    made.backend.shutdown(wait=True, timeout=WAIT)


@pytest.mark.parametrize("wait", WAITS)
async def test_a_result_can_be_awaited(waiting: Waiting, wait: Wait) -> None:
    future = waiting.job()
    waiter = asyncio.ensure_future(wait(future))
    await asyncio.sleep(0)
    waiting.finish(future)
    assert await asyncio.wait_for(waiter, WAIT) == 2


@pytest.mark.parametrize("wait", WAITS)
async def test_a_time_limit_ends_the_waiting_alone(waiting: Waiting, wait: Wait) -> None:
    future = waiting.job()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait(future), 0.1)
    await asyncio.sleep(0.1)
    assert waiting.status(future) == Status.PENDING
    waiting.finish(future)
    assert await future == 2


@pytest.mark.parametrize("wait", WAITS)
async def test_a_cancelled_task_leaves_its_job_alone(waiting: Waiting, wait: Wait) -> None:
    future = waiting.job()
    task = asyncio.ensure_future(wait(future))
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError, concurrent.futures.TimeoutError):
        await task
    await asyncio.sleep(0.05)
    assert waiting.status(future) == Status.PENDING
    waiting.finish(future)
    assert await future == 2


def test_a_time_limit_names_the_job_its_task_and_the_seconds(waiting: Waiting) -> None:
    future = waiting.job()
    named = rf"^job {future.job_id} \({sample_tasks.__name__}\.add\) is not finished"
    for ask in (future.result, future.exception):
        for seconds, words in ((0.1, " after 0.1 s$"), (0, "$"), (-1, "$")):
            with pytest.raises(TimeoutError, match=named + words):
                ask(seconds)
    waiting.finish(future)
    assert future.result(WAIT) == 2


async def test_a_call_of_cancel_still_cancels_the_job(waiting: Waiting) -> None:
    for wait in (awaited, asyncio.wrap_future):
        future = waiting.job()
        waiter = asyncio.ensure_future(wait(future))
        await asyncio.sleep(0)
        assert await asyncio.to_thread(future.cancel) is True
        # asyncio has one exception for every cancelled future that it was given.
        expected = JobCancelled if wait is awaited else asyncio.CancelledError
        with pytest.raises(expected):
            await asyncio.wait_for(waiter, WAIT)
        assert waiting.status(future) == Status.CANCELLED
        assert future.cancelled()


async def test_a_call_by_the_event_loop_is_a_call_as_well(waiting: Waiting) -> None:
    future = waiting.job()
    asyncio.get_running_loop().call_soon(future.cancel)
    with pytest.raises(JobCancelled):
        await asyncio.wait_for(awaited(future), WAIT)


def test_waiting_for_some_of_many_cancels_none(waiting: Waiting) -> None:
    future = waiting.job()
    done, left = concurrent.futures.wait([future], timeout=0.05)
    assert (done, left) == (set(), {future})
    with pytest.raises(TimeoutError):
        list(concurrent.futures.as_completed([future], timeout=0.05))
    assert waiting.status(future) == Status.PENDING
    waiting.finish(future)
    assert list(concurrent.futures.as_completed([future], timeout=WAIT)) == [future]


async def test_a_failure_is_raised_where_it_is_awaited() -> None:
    future = EagerBackend(Settings()).enqueue(make_call(sample_tasks.fail, "x"))
    for wait in (awaited, asyncio.wrap_future):
        with pytest.raises(JobFailed, match="ConnectionError: x"):
            await wait(future)
    assert await EagerBackend(Settings()).enqueue(make_call(sample_tasks.add, 1, b=1)) == 2


def test_a_loop_that_ends_first_disturbs_no_other_waiter(waiting: Waiting) -> None:
    future = waiting.job()

    async def leave() -> None:
        waiters = [asyncio.ensure_future(each(future)) for each in (awaited, asyncio.wrap_future)]
        await asyncio.wait(waiters, timeout=0.05)

    asyncio.run(leave())
    waiting.finish(future)
    assert future.result(WAIT) == 2
    assert waiting.status(future) == Status.COMPLETED


def test_a_future_says_whether_its_job_runs(waiting: Waiting) -> None:
    future = waiting.job()
    assert not future.running()
    if isinstance(waiting.backend, LocalBackend):
        begun = threading.Event()

        def task() -> None:
            begun.set()
            waiting.open.wait(WAIT)

        waiting.open.set()
        assert future.result(WAIT) == 2
        waiting.open.clear()
        future = waiting.backend.enqueue(make_call(task))
        assert begun.wait(WAIT)
    else:
        waiting.start(future)
    assert future.running()
    waiting.finish(future)
    future.result(WAIT)
    assert not future.running()
