"""Calls, options and refusals: the same on every backend."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from asok_core import (
    JobCancelled,
    JobFuture,
    PayloadTooLarge,
    background,
    background_many,
    call,
    cancel,
    configure,
    get_job,
)
from asok_core.errors import JobNotFound
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE


def test_a_job_has_an_id_a_result_and_a_record(application: ConformingApplication) -> None:
    future = background(tasks.returned, 1, "a", key=[None, True], other={"b": 1, "a": 2})
    assert isinstance(future, JobFuture)
    assert future.result(PATIENCE) == [
        [1, "a"],
        {"key": [None, True], "other": {"b": 1, "a": 2}},
        ["key", "other"],
    ]
    record = get_job(future.job_id)
    assert (record.id, record.status, record.queue) == (future.job_id, "completed", "default")
    assert record.function == "tests.conformance.tasks.returned"
    assert (record.retries, record.retry_count) == (0, 0)
    assert (record.error, record.error_line, record.result_error) == (None, None, None)
    assert record.enqueued_at is not None
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.enqueued_at <= record.started_at <= record.finished_at
    assert record.finished


def test_a_coroutine_function_runs_to_completion(application: ConformingApplication) -> None:
    assert background(tasks.awaited, 1).result(PATIENCE) == 2


def test_a_declared_task_has_its_options(application: ConformingApplication) -> None:
    for future in (
        tasks.declared.delay(4),
        background(tasks.declared, 4),
        background_many([tasks.declared.call(4)])[0],
        background_many([call(tasks.declared, 4)])[0],
        tasks.declared.delay_in(dt.timedelta(milliseconds=1), 4),
    ):
        assert future.result(PATIENCE) == 8
        record = get_job(future.job_id)
        assert (record.queue, record.retries) == ("low", 2)
    assert tasks.declared(4) == 8


def test_options_of_the_call_replace_those_of_the_task_one_by_one(
    application: ConformingApplication,
) -> None:
    for future in (
        background(tasks.declared, 4, _queue="high"),
        tasks.declared.options(queue="high").delay(4),
    ):
        assert future.result(PATIENCE) == 8
        record = get_job(future.job_id)
        assert (record.queue, record.retries) == ("high", 2)


def test_many_futures_are_in_the_order_of_their_calls(application: ConformingApplication) -> None:
    futures = background_many(call(tasks.returned, number) for number in range(250))
    assert [each.result(PATIENCE)[0] for each in futures] == [[number] for number in range(250)]
    assert background_many([]) == []


BAD_OPTIONS: tuple[tuple[dict[str, Any], type[Exception], str], ...] = (
    ({"_queue": 3}, TypeError, "_queue is an int, not a string"),
    ({"_queue": "a\nb"}, ValueError, "queue"),
    ({"_retries": -1}, ValueError, "_retries is -1; it must be from 0 to 1000000"),
    ({"_retries": True}, TypeError, "_retries is a bool, not a whole number"),
    ({"_backoff": -1}, ValueError, "_backoff is -1; it must be 0 or more"),
    ({"_backoff": float("nan")}, ValueError, "_backoff is nan, not a finite number"),
    ({"_timeout": 0}, ValueError, "_timeout is 0; it must be more than 0 seconds, or None"),
    ({"_delay": -1}, ValueError, "_delay is -1; it must be 0 seconds or more"),
    ({"_delay": 1, "_at": 1}, ValueError, "_delay and _at are both given"),
    ({"_at": dt.datetime(2026, 1, 1)}, ValueError, "_at has no time zone"),  # noqa: DTZ001
    ({"_unique": ""}, ValueError, "_unique has 0 characters; it must have 1 to 200"),
    (
        {"_keep_result": 0.5},
        ValueError,
        "_keep_result is 0.5; it must be True, False, or a duration",
    ),
    ({"_retires": 3}, TypeError, "_retires"),
)


@pytest.mark.parametrize(("options", "error", "words"), BAD_OPTIONS, ids=str)
def test_an_invalid_option_is_refused_by_its_name(
    application: ConformingApplication, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        background(tasks.note, application.path(), **options)
    assert application.lines() == []


BAD_ARGUMENTS: tuple[tuple[Any, type[Exception], str], ...] = (
    ({1: "a"}, TypeError, "argument 1"),
    ((1, 2), TypeError, "argument 1"),
    ({"deep": [float("nan")]}, TypeError, r"argument 1 .*deep\[0\] is nan"),
    (object(), TypeError, "argument 1"),
    (10**5000, TypeError, "argument 1"),
    ("x" * 3_000_000, PayloadTooLarge, "ASOK_MAX_PAYLOAD"),
)


@pytest.mark.parametrize(("value", "error", "words"), BAD_ARGUMENTS, ids=range(6))
def test_an_argument_that_cannot_be_encoded_is_refused_by_the_call(
    application: ConformingApplication, value: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        background(tasks.returned, value)
    # With background_many no call is enqueued.
    with pytest.raises(error, match=words):
        background_many([call(tasks.note, application.path()), call(tasks.returned, value)])
    assert application.lines() == []


def test_each_attempt_gets_the_original_arguments(application: ConformingApplication) -> None:
    values = [1]
    path = application.path()
    future = background(tasks.change, values, path, _retries=1, _backoff=0)
    values.append(9)
    assert future.result(PATIENCE) == [1, 0]


def test_an_unknown_job_has_no_record(application: ConformingApplication) -> None:
    with pytest.raises(JobNotFound, match="job 'unknown' has no record"):
        get_job("unknown")
    assert not cancel("unknown")


def test_earlier_jobs_are_found_after_the_same_settings_are_configured_again(
    application: ConformingApplication,
) -> None:
    future = background(tasks.awaited, 1)
    assert future.result(PATIENCE) == 2
    configure(None)
    assert application.has_no_record(future.job_id)


@pytest.mark.except_on("eager", because="a job has ended when background() returns")
def test_a_future_that_is_cancelled_cancels_its_job(application: ConformingApplication) -> None:
    future = background(tasks.note, application.path(), _delay=600)
    assert future.cancel()
    with pytest.raises(JobCancelled):
        future.result(PATIENCE)
    assert get_job(future.job_id).status == "cancelled"
