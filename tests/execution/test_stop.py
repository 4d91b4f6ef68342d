"""JobCancelled is raised in the code of a task, and in nothing that its thread runs after that."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asok_core.errors import JobCancelled
from asok_core.execution import attempt, cancellation
from asok_core.execution.cancellation import StopRequest
from tests.concurrently import wait_for_end
from tests.programs import PATIENCE

ROUNDS = 200


def _run(stop: StopRequest, inside: threading.Event, ends: list[str], turns: int) -> None:
    try:
        try:
            stop.enter()
            inside.set()
            for _ in range(turns):
                pass
            ends.append("completed")
        finally:
            stop.leave()
    except JobCancelled:
        ends.append("cancelled")
    for _ in range(2000):
        pass
    ends.append("after")


def test_the_exception_is_raised_in_the_body_alone() -> None:
    for number in range(ROUNDS):
        stop, inside, ends = StopRequest(), threading.Event(), list[str]()
        thread = threading.Thread(target=_run, args=(stop, inside, ends, number * 20))
        thread.start()
        assert inside.wait(PATIENCE)
        stop.insist()
        wait_for_end(thread, "the task")
        assert ends[-1] == "after", ends
        assert {"completed", "cancelled"} & set(ends)


def test_what_was_cancelled_before_it_began_does_not_begin() -> None:
    stop = StopRequest()
    stop.insist()
    with pytest.raises(JobCancelled, match="an operator cancelled it"):
        stop.enter()
    stop.leave()
    stop.insist()
    assert stop.asked


def test_a_coroutine_that_waits_is_cancelled() -> None:
    stop, began = StopRequest(), threading.Event()
    ends: list[str] = []

    async def waits() -> None:
        began.set()
        await asyncio.sleep(3600)

    def run() -> None:
        cancellation.running.set(stop)
        try:
            attempt.run(waits, (), {})
        except JobCancelled as error:
            ends.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(PATIENCE)
    stop.insist()
    wait_for_end(thread, "the task")
    assert ends == ["an operator cancelled it"]


def test_a_coroutine_that_cancels_itself_is_not_cancelled_by_an_operator() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    cancellation.running.set(StopRequest())
    with pytest.raises(asyncio.CancelledError):
        attempt.run(cancels_itself, (), {})
