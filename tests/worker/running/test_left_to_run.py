"""A job is not completed while what its task returned has still to run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asok_core import (
    Background,
    JobFailed,
    Settings,
    background,
    background_many,
    call,
    configure,
    get_job,
    shutdown,
    task,
)
from tests.fixtures.worker import RunWorker
from tests.worker import values

WAIT = 50.0


@pytest.fixture(params=["local", "eager", "redis"])
def backend(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings], run_worker: RunWorker
) -> Iterator[str]:
    configure(make_settings(ASOK_QUEUE_BACKEND=request.param))
    if request.param == "redis":
        run_worker()
    yield request.param
    shutdown(timeout=WAIT)
    configure()


class Rows:
    def __call__(self, path: str) -> Iterator[int]:
        return (yield from values.generator(path))


class AsyncRows:
    async def __call__(self, path: str) -> AsyncIterator[int]:
        async for each in values.async_generator(path):
            yield each


@pytest.mark.parametrize("function", [values.generator, values.async_generator])
def test_a_generator_function_is_refused(
    backend: str, function: Callable[..., Any], tmp_path: Path
) -> None:
    line = f"{function.__name__} cannot be .*generator function, so a call does not run its code"
    for enqueue in (
        lambda: background(function, str(tmp_path / "ran")),
        lambda: background_many([call(function, str(tmp_path / "ran"))]),
    ):
        with pytest.raises(ValueError, match=line):
            enqueue()


@pytest.mark.parametrize("function", [values.generator, values.async_generator])
def test_a_generator_function_is_refused_where_it_is_declared(function: Any) -> None:
    for declare in (task, task(retries=3), Background().background()):
        with pytest.raises(ValueError, match="generator function, so a call does not run its code"):
            declare(function)


@pytest.mark.parametrize("backend", ["local", "eager"], indirect=True)
@pytest.mark.parametrize(
    "function", [functools.partial(values.generator), Rows(), AsyncRows(), Rows().__call__]
)
def test_a_generator_function_behind_an_object_is_refused(
    backend: str, function: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match="generator function"):
        background(function, "path")


@pytest.mark.parametrize(
    "function",
    [
        *(values.returns_generator, values.returns_async_generator, values.awaits_to_generator),
        *(values.returns_map, values.returns_filter, values.returns_chain),
    ],
)
def test_a_task_that_returns_work_that_is_not_done_fails(
    backend: str, function: Callable[..., Any], tmp_path: Path
) -> None:
    future = background(function, str(tmp_path / "ran"))
    with pytest.raises(
        JobFailed,
        match=r"the task returned an? .*(generator|map|filter|chain), which is not iterated",
    ):
        future.result(WAIT)
    assert get_job(future.job_id).status == "failed"
    assert not (tmp_path / "ran").exists()


def test_whatever_can_be_awaited_runs_to_its_end(backend: str, tmp_path: Path) -> None:
    for function in values.RUN_TO_THE_END:
        path = tmp_path / function.__name__
        assert background(function, str(path)).result(WAIT) == "touched", function
        assert path.exists()


@pytest.mark.parametrize("backend", ["eager"], indirect=True)
async def test_eager_runs_it_to_its_end_inside_an_event_loop(backend: str, tmp_path: Path) -> None:
    for function in (values.touch, *values.RUN_TO_THE_END):
        path = tmp_path / function.__name__
        assert background(function, str(path)).result(0) == "touched", function
        assert path.exists()


def test_what_cannot_be_waited_for_fails(backend: str, tmp_path: Path) -> None:
    path = str(tmp_path)
    with pytest.raises(JobFailed, match="of another event loop, which cannot be awaited"):
        background(values.foreign_future, path).result(WAIT)
    with pytest.raises(JobFailed, match="the future of another job, which is not waited for"):
        background(values.returns_job, path).result(WAIT)


def test_a_timeout_holds_for_what_is_waited_for(backend: str, tmp_path: Path) -> None:
    future = background(values.waits_forever, _timeout=0.1)
    with pytest.raises(JobFailed, match="longer than its timeout"):
        future.result(WAIT)


def test_what_types_coroutine_makes_is_no_generator() -> None:
    assert inspect.isgeneratorfunction(values.old_style)
    assert repr(task(values.old_style)).endswith("old_style>")
