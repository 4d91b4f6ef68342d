from __future__ import annotations

import asyncio
import threading
import time

import pytest

from asok_core import attempt, deadline
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


def test_where_a_limit_cannot_be_watched_the_task_does_not_run_and_later_limits_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As in a process that has not needed it before.
    monkeypatch.setattr(deadline, "_timer", deadline._Timer())
    ran: list[str] = []

    def refused() -> None:
        before = threading.stack_size(1 << 50)
        try:
            attempt.run(lambda: ran.append("the task"), (), {}, timeout=60)
        except RuntimeError as error:
            ran.append(str(error))
        finally:
            threading.stack_size(before)

    # Not in this thread: Python 3.11 raises nothing more in one that has failed to start another.
    thread = threading.Thread(target=refused)
    thread.start()
    thread.join()
    assert ran == ["its time limit cannot be watched: can't start new thread"]
    with pytest.raises(JobTimeout):
        attempt.run(spin, (20.0,), {}, timeout=0.05)
