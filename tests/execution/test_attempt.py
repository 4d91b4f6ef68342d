from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.errors import JobFailed, JobTimeout
from asok_core.execution import attempt
from asok_core.jobs.calls import make_call
from asok_core.runtime import deadline
from asok_core.runtime.deadline import raise_in
from asok_core.settings.settings import Settings
from tests.programs import environment, python


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


def test_a_coroutine_runs_to_completion() -> None:
    assert attempt.run(nap, (), {"seconds": 0}) == "slept"
    assert attempt.run(lambda: nap(0), (), {}) == "slept"


def test_a_task_that_takes_too_long_receives_a_timeout() -> None:
    with pytest.raises(JobTimeout, match=r"its timeout of 0\.05 s"):
        attempt.run(spin, (60.0,), {}, timeout=0.05)
    with pytest.raises(JobTimeout, match=r"its timeout of 0\.05 s"):
        attempt.run(nap, (60.0,), {}, timeout=0.05)


TRACED = """
import sys, threading
from asok_core.errors import JobTimeout
from asok_core.execution import attempt

def tracer(frame, event, arg):
    return tracer

def spin():
    while True:
        pass

threading.settrace(tracer)
sys.settrace(tracer)
for _ in range(3):
    try:
        attempt.run(spin, (), {}, timeout=0.05)
    except JobTimeout as error:
        print(error)
"""


def test_a_timeout_ends_a_task_that_is_traced_as_by_a_debugger() -> None:
    """And later code runs. Python 3.11 never stopped checking for an exception that was
    withdrawn.
    """
    reported = python("-c", TRACED, env=environment({}))
    assert reported == "it ran longer than its timeout of 0.05 s\n" * 3


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


def test_a_timeout_is_never_raised_after_its_task() -> None:
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
def test_time_limits_work_after_their_thread_has_ended() -> None:
    def limited() -> None:
        with pytest.raises(JobTimeout):
            attempt.run(spin, (60.0,), {}, timeout=0.05)

    limited()
    (thread,) = (each for each in threading.enumerate() if each.name == "asok-deadlines")
    assert thread.ident is not None
    raise_in(thread.ident, SystemExit)
    # The exception is raised at the next Python instruction of that thread, which this wakes.
    while thread.is_alive():
        attempt.run(spin, (0.0,), {}, timeout=0.01)
        thread.join(0.01)
    limited()


def test_a_task_whose_limit_cannot_be_enforced_does_not_run_and_later_limits_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As in a process that has not used time limits before.
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

    # Not in this thread: Python 3.11 raises no exceptions in one that has failed to start another.
    thread = threading.Thread(target=refused)
    thread.start()
    thread.join()
    assert ran == ["its time limit cannot be enforced: can't start new thread"]
    with pytest.raises(JobTimeout):
        attempt.run(spin, (20.0,), {}, timeout=0.05)


def fail_to_start_a_thread() -> None:
    before = threading.stack_size(1 << 50)
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            threading.Thread(target=print).start()
    finally:
        threading.stack_size(before)


def in_a_thread(function: Callable[[], object]) -> None:
    """Call a function in a new thread, so that the others are not affected."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function).result()


def test_limits_work_in_a_thread_that_has_failed_to_start_another() -> None:
    word = ContextVar("word", default="")
    seen = []

    def report_and_spin() -> None:
        seen.append(word.get())
        spin(5)

    def limited() -> None:
        attempt.run(spin, (0.0,), {}, timeout=60)
        for _ in range(2):
            fail_to_start_a_thread()
            word.set("of the context")
            with pytest.raises(JobTimeout, match=r"its timeout of 0\.05 s") as raised:
                attempt.run(report_and_spin, (), {}, timeout=0.05)
            assert "report_and_spin" in [each.name for each in raised.traceback]
            with pytest.raises(JobTimeout):
                attempt.run(nap, (60.0,), {}, timeout=0.05)
            assert attempt.run(spin, (0.0,), {}, timeout=60) == "done"

    in_a_thread(limited)
    assert seen == ["of the context"] * 2
    # New threads reuse the ids of ended ones.
    in_a_thread(limited)


@pytest.mark.parametrize("backend", ["local", "eager"])
def test_limits_work_in_a_backend_whose_thread_has_failed_to_start_another(backend: str) -> None:
    def use() -> None:
        settings = Settings.load({"ASOK_QUEUE_BACKEND": backend, "ASOK_STRICT": "0"})
        jobs = (
            LocalBackend(settings, bg_workers=1) if backend == "local" else EagerBackend(settings)
        )
        assert jobs.enqueue(make_call(fail_to_start_a_thread)).result(60) is None
        with pytest.raises(JobFailed, match=r"its timeout of 0\.05 s"):
            jobs.enqueue(make_call(spin, 5.0, _timeout=0.05)).result(60)
        jobs.shutdown(wait=True, timeout=60)

    in_a_thread(use)
