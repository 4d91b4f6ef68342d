from __future__ import annotations

import asyncio
import threading
import time

import pytest

from asok_core import attempt
from asok_core.deadline import raise_in
from asok_core.errors import JobTimeout


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_time_limits_hold_after_their_thread_has_died() -> None:
    def limited() -> None:
        with pytest.raises(JobTimeout):
            attempt.run(spin, (60.0,), {}, timeout=0.05)

    limited()
    (thread,) = (each for each in threading.enumerate() if each.name == "asok-deadlines")
    assert thread.ident is not None
    raise_in(thread.ident, SystemExit)
    # The exception comes with the next Python instruction of that thread, which this wakes.
    while thread.is_alive():
        attempt.run(spin, (0.0,), {}, timeout=0.01)
        thread.join(0.01)
    limited()
