"""Results and failures: the same on every backend."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any, cast

import pytest

from asok_core import JobFailed, ResultNotStored, background, get_job
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE


def test_a_future_can_be_awaited_and_waited_for(application: ConformingApplication) -> None:
    future = background(tasks.awaited, 1)

    async def both() -> tuple[int, int]:
        return await future, await asyncio.wait_for(future, PATIENCE)

    assert asyncio.run(both()) == (2, 2)
    futures = [background(tasks.awaited, number) for number in range(3)]
    done, pending = concurrent.futures.wait(futures, PATIENCE)
    assert (len(done), len(pending)) == (3, 0)
    assert {each.result() for each in concurrent.futures.as_completed(futures)} == {1, 2, 3}
    assert future.exception(PATIENCE) is None
    assert future.done()


def test_a_callback_is_called_when_the_job_has_ended(application: ConformingApplication) -> None:
    called = threading.Event()
    future = background(tasks.awaited, 1)
    future.add_done_callback(lambda it: called.set() if it is future else None)
    assert called.wait(PATIENCE)


@pytest.mark.except_on("eager", because="a job has ended when background() returns")
def test_a_timeout_of_a_wait_does_not_affect_the_job(application: ConformingApplication) -> None:
    future = background(tasks.hold, application.path("."))
    with pytest.raises(TimeoutError, match=future.job_id):
        future.result(0.01)
    application.release()
    assert future.result(PATIENCE) == "held"


def test_a_failure_is_only_raised_by_the_future(application: ConformingApplication) -> None:
    future = background(tasks.fail, "no luck")
    with pytest.raises(JobFailed, match=r"^ValueError: no luck$") as caught:
        future.result(PATIENCE)
    assert caught.value.traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert "raise ValueError(message)" in caught.value.traceback
    record = get_job(future.job_id)
    assert (record.status, record.error_line) == ("failed", "ValueError: no luck")
    assert (record.error or "").strip() == caught.value.traceback.strip()
    assert record.result is None
    assert isinstance(future.exception(PATIENCE), JobFailed)


def test_a_task_that_exits_has_failed(application: ConformingApplication) -> None:
    with pytest.raises(JobFailed, match="SystemExit: 3"):
        background(tasks.leave, 3).result(PATIENCE)


def test_wrong_arguments_fail_the_job_and_name_the_task(application: ConformingApplication) -> None:
    with pytest.raises(JobFailed, match=r"TypeError: awaited\(\) missing 1 required positional"):
        background(cast("Any", tasks.awaited)).result(PATIENCE)


def test_retries_are_spent_one_by_one(application: ConformingApplication) -> None:
    future = background(tasks.fail_first, application.path(), 2, _retries=3, _backoff=0)
    assert future.result(PATIENCE) == 3
    record = get_job(future.job_id)
    assert (record.status, record.retries, record.retry_count) == ("completed", 3, 2)
    assert record.error is None


def test_a_job_without_retries_left_has_failed(application: ConformingApplication) -> None:
    future = background(tasks.fail_first, application.path(), 9, _retries=2, _backoff=0)
    with pytest.raises(JobFailed, match="ConnectionError: attempt 3"):
        future.result(PATIENCE)
    record = get_job(future.job_id)
    assert (record.status, record.retry_count) == ("failed", 2)
    assert len(application.lines()) == 3


def test_a_time_limit_is_raised_in_the_task(application: ConformingApplication) -> None:
    future = background(tasks.sleep, 600, _timeout=0.2)
    with pytest.raises(JobFailed, match=r"JobTimeout: it ran longer than its timeout of 0\.2 s"):
        future.result(PATIENCE)


def test_a_result_that_cannot_be_stored_is_reported(application: ConformingApplication) -> None:
    for future in (background(tasks.unstorable), background(tasks.large, 2_000_000)):
        with pytest.raises(ResultNotStored, match="completed; result not stored: "):
            future.result(PATIENCE)
        record = get_job(future.job_id)
        assert (record.status, record.result) == ("completed", None)
        assert (record.result_error or "").startswith("result not stored: ")


def test_a_result_that_is_not_stored_by_request_is_reported(
    application: ConformingApplication,
) -> None:
    future = background(tasks.awaited, 1, _keep_result=False)
    with pytest.raises(ResultNotStored, match="result not stored: keep_result is False"):
        future.result(PATIENCE)
    assert get_job(future.job_id).status == "completed"
