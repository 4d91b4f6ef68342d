"""Common mistakes are refused by the call that makes them, with a message that says what to do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_core import (
    Background,
    JobCancelled,
    Settings,
    background,
    background_many,
    call,
    cancel,
    configure,
    get_job,
    shutdown,
    task,
)


@pytest.fixture(params=["local", "eager", "redis"], autouse=True)
def backend(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[str]:
    configure(make_settings(ASOK_QUEUE_BACKEND=request.param))
    yield request.param
    configure()


async def coroutine() -> None:
    """A task."""


def generator() -> Iterator[int]:
    """Not a task."""
    yield 1


@pytest.mark.parametrize("returned", [3, None, ["a"], "tests.shop", call(len, [1])], ids=str)
def test_the_result_of_a_call_is_refused_in_place_of_a_function(returned: Any) -> None:
    refused(returned)


def test_a_coroutine_object_is_refused_in_place_of_a_function() -> None:
    made = coroutine()
    refused(made)
    asyncio.run(made)


def refused(returned: Any) -> None:
    advice = r"it is not a function; pass the function and its arguments, as in background\("
    with Background(sigterm=False) as application:
        for enqueue in (background, application.background, lambda it: background_many([call(it)])):
            if enqueue == application.background and returned is None:
                continue  # without a function it is a decorator
            with pytest.raises(
                ValueError, match=f"^an? {type(returned).__name__} cannot .*{advice}"
            ):
                enqueue(returned)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([len], r"is given a builtin_function_or_method at \[0\], not calls: pass a list of them"),
        ([call(len, [1]), (len, [1])], r"is given a tuple at \[1\], not calls"),
        (call(len, [1]), r"is given a Call, not calls: .* as in call\(send, 1\)"),
    ],
)
def test_background_many_refuses_arguments_that_are_not_calls(calls: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        background_many(calls)


def test_no_call_runs_if_one_of_them_cannot_be_a_task(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="generator function"):
        background_many([call(os.mkdir, str(tmp_path / "ran")), call(generator)])
    shutdown()
    assert not list(tmp_path.iterdir())
    assert not redis_client.exists("asok:queue")


@pytest.mark.parametrize("given", ["high", 3, ["high"]], ids=str)
def test_task_refuses_an_option_in_place_of_the_function(given: Any) -> None:
    with pytest.raises(TypeError, match=r"task is given .* options are given by name, as in @task"):
        task(given)


@task
def send(recipient: str, _copy: bool = False) -> str:
    return recipient


def collect(**words: str) -> list[str]:
    return list(words)


@task
def gather(_queue: str, **words: str) -> str:
    return _queue


def any_of(function: Any) -> Any:
    """A function without its signature, for calls that type checkers refuse."""
    return function


def test_an_unknown_option_is_refused_by_the_call() -> None:
    words = (
        r"^_retires is neither an option \(_at, .*\) nor a parameter .*; did you mean _retries\?$"
    )
    application = Background(sigterm=False)
    calls: list[Callable[[], Any]] = [
        lambda: any_of(background)(send, "Ada", _retires=3),
        lambda: any_of(application.background)(send, "Ada", _retires=3),
        lambda: any_of(application.background)(_retires=3)(coroutine),
        lambda: background_many([any_of(call)(send, "Ada", _retires=3)]),
        lambda: any_of(send.delay)("Ada", _retires=3),
        lambda: background_many([any_of(send.call)("Ada", _retires=3)]),
        lambda: any_of(send.delay_in)(60, "Ada", _retires=3),
    ]
    for each in calls:
        with pytest.raises(TypeError, match=words):
            each()
    with pytest.raises(TypeError, match=r"^_x is neither an option .* of the task$"):
        any_of(background)(send, "Ada", _x=3)


def test_a_task_refuses_options_of_background_and_names_the_alternative() -> None:
    words = r"_queue is an option of background\(\); .* as in send.options\(queue=...\).delay\("
    for enqueue in (send.delay, send.call, any_of(task(collect)).delay):
        with pytest.raises(TypeError, match=words):
            any_of(enqueue)("Ada", _queue="high")


def test_keywords_that_a_task_accepts_are_passed_to_it(backend: str) -> None:
    calls = [
        call(send, "Ada", _copy=True),
        send.call("Ada", _copy=True),
        any_of(call)(collect, _id="1"),
        gather.call(_queue="x"),
        any_of(call)(min, 1, 2, _later=3),
    ]
    assert [sorted(each.kwargs) for each in calls] == [
        *(["_copy"], ["_copy"], ["_id"], ["_queue"]),
        ["_later"],
    ]


def test_values_that_are_not_job_ids_are_refused() -> None:
    future = background(send, "Ada", _delay=3600)
    application = Background(sigterm=False)
    for ask in (get_job, cancel, application.get_job, application.cancel):
        with pytest.raises(
            TypeError, match=r"^the id of a job is a string, not a .*; pass its job_id$"
        ):
            any_of(ask)(future)
        with pytest.raises(TypeError, match=r"^the id of a job is a string, not a NoneType$"):
            any_of(ask)(None)
    cancel(future.job_id)


def test_an_invalid_timeout_is_refused_and_a_long_one_is_accepted(backend: str) -> None:
    future = background(send, "Ada", _delay=3600)
    for ask in (future.result, future.exception):
        with pytest.raises(TypeError, match=r"^timeout is a str, not a number of seconds or None$"):
            any_of(ask)("2")
        with pytest.raises(ValueError, match=r"^timeout is nan, not a number"):
            ask(float("nan"))
    if backend != "eager":
        threading.Timer(0.2, cancel, (future.job_id,)).start()
    for seconds in (float("inf"), 1e10):
        if backend == "eager":
            assert future.result(seconds) == "Ada"
        else:
            with pytest.raises(JobCancelled):
                future.result(seconds)
