"""Tasks in threads that wait for tasks in the same threads: an error, and never a false one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asok_core.backends import local
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.errors import Deadlock, JobFailed, JobTimeout
from asok_core.jobs.calls import make_call
from asok_core.jobs.futures import JobFuture
from asok_core.settings.settings import Settings
from tests.programs import wait_until
from tests.samples import sample_tasks

WAIT = 30.0


@pytest.fixture
def pool() -> Iterator[Callable[[int], LocalBackend]]:
    made: list[LocalBackend] = []

    def make(size: int) -> LocalBackend:
        made.append(LocalBackend(Settings(), bg_workers=size))
        return made[-1]

    yield make
    for each in made:
        each.shutdown(timeout=WAIT)


def nested(backend: LocalBackend, depth: int) -> Callable[[], int]:
    """A task that waits for one that waits for one ..., so deep."""

    def task() -> int:
        if depth == 0:
            return 0
        child: JobFuture[int] = backend.enqueue(make_call(nested(backend, depth - 1)))
        return child.result() + 1

    return task


@pytest.mark.parametrize("size", [1, 3])
def test_a_task_that_waits_for_the_last_thread_gets_an_error(
    pool: Callable[[int], LocalBackend], size: int
) -> None:
    backend = pool(size)
    future = backend.enqueue(make_call(nested(backend, size)))
    words = rf"^Deadlock: job \S+ cannot start: each of the {size} background threads .*BG_WORKERS"
    with pytest.raises(JobFailed, match=words if size == 1 else "^JobFailed: "):
        future.result(WAIT)
    last: BaseException | None = future.exception()
    while last is not None and last.__cause__ is not None:
        last = last.__cause__
    assert isinstance(last, Deadlock)
    assert backend.enqueue(make_call(nested(backend, size - 1))).result(WAIT) == size - 1


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_what_it_waited_for_runs_as_soon_as_it_has_failed(
    pool: Callable[[int], LocalBackend], ask: str
) -> None:
    backend = pool(1)
    children: list[JobFuture[int]] = []

    def parent() -> None:
        children.append(backend.enqueue(make_call(sample_tasks.add, 1, b=1)))
        getattr(children[0], ask)()

    with pytest.raises(JobFailed, match="Deadlock"):
        backend.enqueue(make_call(parent)).result(WAIT)
    assert children[0].result(WAIT) == 2


def test_many_that_wait_with_one_thread_to_spare_all_come_to_their_end(
    pool: Callable[[int], LocalBackend],
) -> None:
    backend = pool(4)
    together = threading.Barrier(3)

    def parent(number: int) -> int:
        together.wait(WAIT)
        futures = [backend.enqueue(make_call(sample_tasks.add, n, b=number)) for n in range(20)]
        return sum(each.result() for each in futures)

    futures = [backend.enqueue(make_call(parent, number)) for number in range(3)]
    assert [each.result(WAIT) for each in futures] == [190, 210, 230]


def test_only_the_last_of_many_gets_an_error(pool: Callable[[int], LocalBackend]) -> None:
    backend = pool(4)
    for _ in range(20):
        together = threading.Barrier(4)

        def parent(together: threading.Barrier = together) -> Any:
            together.wait(WAIT)
            return backend.enqueue(make_call(sample_tasks.add, 1, b=1)).result()

        futures = [backend.enqueue(make_call(parent)) for _ in range(4)]
        ends = [each.exception(WAIT) for each in futures]
        assert sum(each is not None for each in ends) == 1, ends


def test_a_wait_with_a_limit_is_the_tasks_own_matter(pool: Callable[[int], LocalBackend]) -> None:
    backend = pool(1)

    def parent() -> str:
        child = backend.enqueue(make_call(sample_tasks.add, 1))
        try:
            child.result(0.1)
        except TimeoutError:
            return "in time"
        return "never"

    assert backend.enqueue(make_call(parent)).result(WAIT) == "in time"


def test_a_timeout_ends_the_wait_for_another_job(pool: Callable[[int], LocalBackend]) -> None:
    backend = pool(2)
    gate = threading.Event()

    def parent() -> None:
        backend.enqueue(make_call(gate.wait, WAIT)).result()

    with pytest.raises(JobFailed, match="JobTimeout"):
        backend.enqueue(make_call(parent, _timeout=0.2)).result(WAIT)
    gate.set()


def test_other_pools_and_other_threads_are_not_counted(
    pool: Callable[[int], LocalBackend],
) -> None:
    one, other = pool(1), pool(1)

    def across() -> Any:
        return other.enqueue(make_call(sample_tasks.add, 1, b=1)).result()

    def in_a_thread() -> Any:
        child = one.enqueue(make_call(sample_tasks.add, 1, b=1))
        with concurrent.futures.ThreadPoolExecutor() as executor:
            return type(executor.submit(child.result, 0.2).exception()).__name__

    assert one.enqueue(make_call(across)).result(WAIT) == 2
    assert one.enqueue(make_call(in_a_thread)).result(WAIT) == "TimeoutError"
    assert EagerBackend(Settings()).enqueue(make_call(across)).result(0) == 2


async def awaits(future: JobFuture[Any]) -> None:
    await future


async def wraps(future: JobFuture[Any]) -> None:
    await asyncio.wrap_future(future)


def waits_for_any(future: JobFuture[Any]) -> None:
    concurrent.futures.wait([future])


def takes_as_completed(future: JobFuture[Any]) -> None:
    list(concurrent.futures.as_completed([future]))


async def in_another_thread(future: JobFuture[Any]) -> None:
    await asyncio.to_thread(future.result)


@pytest.mark.parametrize(
    "wait", [awaits, wraps, waits_for_any, takes_as_completed, in_another_thread]
)
def test_a_wait_that_may_have_an_end_is_warned_of_once(
    pool: Callable[[int], LocalBackend],
    wait: Callable[[JobFuture[Any]], Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(local, "WARN_AFTER", 0.1)
    backend = pool(1)
    children: list[JobFuture[Any]] = []

    def parent() -> Any:
        children.append(backend.enqueue(make_call(sample_tasks.add, 1)))
        return wait(children[-1])

    for _ in range(2):
        future = backend.enqueue(make_call(parent))
        if len(children) == 0:
            wait_until(lambda: "which may be a deadlock" in caplog.text, "the warning")
        wait_until(lambda: children and not children[-1].done(), "the wait")
        assert not future.done()
        assert children[-1].cancel() is True
        future.exception(WAIT)
        children.clear()
    (line,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "BG_WORKERS" in line.getMessage()


def test_waits_that_end_are_not_warned_of(
    pool: Callable[[int], LocalBackend],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(local, "WARN_AFTER", 0.05)
    backend = pool(2)

    async def parent() -> Any:
        return await backend.enqueue(make_call(sample_tasks.add, 1, b=1))

    for _ in range(20):
        assert backend.enqueue(make_call(parent)).result(WAIT) == 2
    assert backend.shutdown(timeout=WAIT)
    assert caplog.records == []


def test_a_timeout_is_no_deadlock() -> None:
    assert not issubclass(Deadlock, JobTimeout | TimeoutError)
