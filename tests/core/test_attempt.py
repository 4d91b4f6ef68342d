from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from asok_core import attempt
from asok_core.errors import JobTimeout
from tests.core import sample_tasks


class StubbornError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no repr for you")

    __str__ = __repr__


def spin(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))
    return "done"


async def nap(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


def test_it_returns_what_the_task_returns() -> None:
    assert attempt.run(spin, (0.0,), {}, timeout=60) == "done"


def test_a_coroutine_runs_to_its_end() -> None:
    assert attempt.run(nap, (), {"seconds": 0}) == "slept"
    assert attempt.run(lambda: nap(0), (), {}) == "slept"


def test_a_task_that_takes_too_long_gets_a_timeout() -> None:
    with pytest.raises(JobTimeout, match=r"its timeout of 0\.05 s"):
        attempt.run(spin, (60.0,), {}, timeout=0.05)
    with pytest.raises(JobTimeout, match=r"its timeout of 0\.05 s"):
        attempt.run(nap, (60.0,), {}, timeout=0.05)


def test_a_task_may_clean_up_after_its_timeout() -> None:
    cleaned = []

    def careful() -> None:
        try:
            spin(60)
        finally:
            cleaned.append(True)

    with pytest.raises(JobTimeout):
        attempt.run(careful, (), {}, timeout=0.05)
    assert cleaned == [True]


def test_a_timeout_of_the_task_itself_is_its_own_error() -> None:
    async def slow_service() -> None:
        raise TimeoutError("the service")

    with pytest.raises(TimeoutError, match="the service"):
        attempt.run(slow_service, (), {}, timeout=60)


def test_a_timeout_never_strikes_after_its_task() -> None:
    stray = []

    def work() -> None:
        for _ in range(150):
            try:
                attempt.run(spin, (0.002,), {}, timeout=0.002)
            except JobTimeout:
                continue
            try:
                spin(0.001)
            except JobTimeout as error:
                stray.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stray == []


def test_a_long_traceback_keeps_its_end() -> None:
    with pytest.raises(ConnectionError) as caught:
        sample_tasks.fail("y" * 5000 + "the end")
    text = attempt.traceback_text(caught.value, 200)
    assert len(text) <= 200
    assert text.endswith("the end\n")
    assert text.startswith("... (cut)")


def test_an_error_that_cannot_be_shown_is_still_named() -> None:
    error = StubbornError()
    assert attempt.describe(error) == "StubbornError(...)"
    assert "StubbornError" in attempt.traceback_text(error, 1000)


async def falls() -> None:
    raise LookupError("nothing here")


@pytest.mark.parametrize("task", [falls, sample_tasks.fail, spin])
def test_a_traceback_begins_with_the_task(task: Callable[..., object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the task raises
        attempt.run(task, (), {"message": "no"} if task is sample_tasks.fail else {})
    text = attempt.traceback_text(caught.value, 10_000)
    assert f"{caught.type.__name__}: " in text
    frames = [line for line in text.splitlines() if line.startswith("  File ")]
    inner = 0 if task is spin else 1  # spin wants an argument, so none of its lines ever ran
    assert len(frames) == inner
    assert all(f" in {task.__name__}" in frame for frame in frames)


def test_a_cause_is_told_without_our_frames_too() -> None:
    with pytest.raises(JobTimeout) as caught:
        attempt.run(nap, (60.0,), {}, timeout=0.01)
    text = attempt.traceback_text(caught.value, 10_000)
    assert "in nap" in text
    assert "asok_core/" not in text
