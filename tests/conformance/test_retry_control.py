"""Retries by what a task raises and declares: the same on every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asok_core import (
    JobCancelled,
    JobFailed,
    Settings,
    background,
    cancel,
    configure,
    get_job,
    shutdown,
)
from asok_core.api.decorator import Task
from tests.conformance import retrying
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE, wait_until


def _fails(
    application: ConformingApplication, task: Task[Any, Any, Any], *args: Any
) -> tuple[str, int]:
    """The error of a job that fails, and how often it ran."""
    with pytest.raises(JobFailed) as caught:
        task.delay(application.path(), *args).result(PATIENCE)
    return str(caught.value), len(application.lines())


def test_a_retry_that_a_task_asks_for_spends_one(application: ConformingApplication) -> None:
    future = retrying.ask.delay(application.path(), 2, {"after": 0.01})
    assert future.result(PATIENCE) == 3
    record = get_job(future.job_id)
    assert (record.status, record.retry_count, record.retries) == ("completed", 2, 3)


def test_a_task_that_asks_without_a_retry_left_has_failed(
    application: ConformingApplication,
) -> None:
    error, calls = _fails(application, retrying.ask, 99, {"reason": "HTTP 429", "after": 0})
    assert (error, calls) == ("Retry: HTTP 429", 4)


def test_a_retry_that_is_not_counted_spends_none(application: ConformingApplication) -> None:
    asking = retrying.ask.options(retries=0)
    future = asking.delay(application.path(), 5, {"after": 0, "counted": False})
    assert future.result(PATIENCE) == 6
    record = get_job(future.job_id)
    assert (record.status, record.retry_count, record.retries) == ("completed", 0, 0)


@pytest.mark.except_on("eager", because="it does not wait for retries")
def test_a_job_that_waits_for_its_retry_can_be_cancelled(
    application: ConformingApplication,
) -> None:
    for counted in (True, False):
        path = application.path(str(counted))
        future = retrying.ask.delay(path, 1, {"after": 3600, "counted": counted})
        application.reaches(future.job_id, "retrying")
        record = get_job(future.job_id)
        assert record.error_line == "Retry: in 3600 s"
        assert record.retry_count == int(counted)
        assert cancel(future.job_id)
        assert isinstance(future.exception(PATIENCE), JobCancelled)


def test_the_delay_is_that_of_the_backoff_where_none_is_asked_for(
    application: ConformingApplication,
) -> None:
    assert retrying.ask.delay(application.path(), 1, {}).result(PATIENCE) == 2


@pytest.mark.parametrize("days", [0, -400], ids=["future", "past"])
def test_a_task_asks_for_a_moment(application: ConformingApplication, days: float) -> None:
    assert retrying.ask_for_a_moment.delay(application.path(), days).result(PATIENCE) == 2


def test_a_moment_without_a_zone_is_a_failure_that_is_retried(
    application: ConformingApplication,
) -> None:
    future = retrying.ask_without_a_zone.delay(application.path())
    assert future.result(PATIENCE) == 2
    assert get_job(future.job_id).retry_count == 1


@pytest.mark.parametrize(
    ("task", "reason", "line", "calls"),
    [
        (retrying.ask_from, "", "ConnectionError: HTTP 429", 4),
        (retrying.ask_from, "slow down", "Retry: slow down", 4),
        (retrying.give_up, "card expired", "Fail: card expired", 1),
        (retrying.give_up, "", "Fail", 1),
        (retrying.give_up_from, "", "ValueError: card expired", 1),
        (retrying.give_up_from, "no money", "Fail: no money", 1),
    ],
)
def test_the_error_is_the_reason_or_the_cause(
    application: ConformingApplication,
    task: Task[Any, Any, Any],
    reason: str,
    line: str,
    calls: int,
) -> None:
    future = task.delay(application.path(), reason)
    assert str(future.exception(PATIENCE)) == line
    record = get_job(future.job_id)
    assert (record.status, record.error_line) == ("failed", line)
    assert len(application.lines()) == calls
    trace = record.error or ""
    assert f"asok_core.{'Fail' if task is not retrying.ask_from else 'Retry'}" in trace
    if task is not retrying.give_up:
        assert "The above exception was the direct cause" in trace


@pytest.mark.parametrize(
    ("task", "kinds", "calls"),
    [
        (retrying.picky, ["ValueError"], 1),
        (retrying.picky, ["UnicodeError"], 1),
        (retrying.picky, ["SystemExit"], 1),
        (retrying.picky, ["KeyError"], 3),
        (retrying.picky, ["KeyError", "UnicodeError"], 1),
        (retrying.picky, ["KeyError", "ConnectionError"], 3),
        (retrying.patient, ["ConnectionError"], 3),
        (retrying.patient, ["ConnectionResetError"], 3),
        (retrying.patient, ["ValueError"], 1),
        (retrying.patient, ["ConnectionError", "ConnectionResetError"], 3),
        (retrying.patient, ["ConnectionError", "KeyError"], 1),
        (retrying.both, ["ConnectionError"], 3),
        (retrying.both, ["ConnectionResetError"], 1),
        (retrying.both, ["KeyError"], 1),
    ],
)
def test_which_exceptions_are_retried(
    application: ConformingApplication, task: Task[Any, Any, Any], kinds: list[str], calls: int
) -> None:
    _, called = _fails(application, task, *kinds)
    assert called == calls


def test_what_a_task_asks_for_counts_more_than_what_it_declares(
    application: ConformingApplication,
) -> None:
    assert retrying.ask_in_spite_of.delay(application.path()).result(PATIENCE) == 2


def test_a_group_is_retried_as_its_members_ask(application: ConformingApplication) -> None:
    future = retrying.ask_in_a_group.delay(application.path(), True, False)
    assert future.result(PATIENCE) == 2
    path = application.path("other")
    failed = retrying.ask_in_a_group.delay(path, True, True).exception(PATIENCE)
    assert str(failed).startswith("ExceptionGroup: unhandled errors")
    assert len(application.lines("other")) == 1


def test_a_time_limit_is_not_retried_where_the_task_excludes_it(
    application: ConformingApplication,
) -> None:
    error, calls = _fails(application, retrying.slow)
    assert (error, calls) == ("JobTimeout: it ran longer than its timeout of 0.1 s", 1)


def test_the_longest_delay_is_that_of_the_task(application: ConformingApplication) -> None:
    assert retrying.soon.delay(application.path()).result(PATIENCE) == 2


@pytest.mark.except_on("eager", because="nothing can cancel a job that runs")
def test_a_cancelled_job_is_not_retried_though_it_asks(application: ConformingApplication) -> None:
    future = retrying.ask_when_cancelled.delay(str(application.folder))
    application.wait_for_start()
    cancel(future.job_id)
    assert isinstance(future.exception(PATIENCE), JobCancelled)
    application.reaches(future.job_id, "cancelled")
    assert len(application.lines("calls")) == 1


@pytest.mark.except_on("eager", because="nothing can cancel a job that runs")
@pytest.mark.parametrize("how", ["retry", "uncounted", "stopped", "both"])
def test_a_cancelled_job_is_not_retried_though_a_group_asks(
    application: ConformingApplication, how: str
) -> None:
    future = retrying.stop_in_a_group.delay(str(application.folder), how)
    application.wait_for_start()
    cancel(future.job_id)
    assert isinstance(future.exception(PATIENCE), JobCancelled)
    application.reaches(future.job_id, "cancelled")
    assert len(application.lines("calls")) == 1


@pytest.mark.except_on("eager", because="nothing can cancel a job that runs")
def test_a_cancelled_job_that_fails_in_a_group_has_failed(
    application: ConformingApplication,
) -> None:
    future = retrying.stop_in_a_group.delay(str(application.folder), "fail")
    application.wait_for_start()
    cancel(future.job_id)
    assert isinstance(future.exception(PATIENCE), JobFailed)
    assert len(application.lines("calls")) == 1


@pytest.mark.except_on("eager", because="nothing can cancel a job that runs")
def test_the_retry_of_a_job_is_not_asked_to_stop(application: ConformingApplication) -> None:
    future = retrying.fail_when_cancelled.delay(str(application.folder))
    application.wait_for_start()
    assert not cancel(future.job_id)
    assert future.result(PATIENCE) is False


def test_hooks_get_what_the_task_raised(application: ConformingApplication) -> None:
    future = retrying.watched.delay(str(application.folder))
    assert str(future.exception(PATIENCE)) == "Fail: attempt 2"
    # Redis has the outcome before hooks are called.
    wait_until(lambda: len(application.lines("journal")) == 3, "the hooks")
    assert application.lines("journal") == ["Retry 1/2 True", "Retry 1/2 True", "Fail 2/2 False"]


@pytest.mark.parametrize("backend", ["local", "eager"])
def test_uncounted_retries_end_in_this_process_too(backend: str, tmp_path: Path) -> None:
    # For a worker they are its own settings: see tests/worker/running/test_retry_control.py.
    by_number = Settings.load({"ASOK_QUEUE_BACKEND": backend, "ASOK_MAX_UNCOUNTED_RETRIES": "3"})
    by_age = Settings.load({"ASOK_QUEUE_BACKEND": backend, "ASOK_MAX_UNCOUNTED_AGE": "1s"})
    try:
        for settings, after in ((by_number, 0.0), (by_age, 0.001)):
            configure(settings)
            path = tmp_path / f"{after}"
            options = {"reason": "not yet", "after": after, "counted": False}
            future = retrying.ask.delay(str(path), 10**9, options)
            assert str(future.exception(PATIENCE)) == "Retry: not yet"
            record = get_job(future.job_id)
            assert (record.status, record.retry_count) == ("failed", 0)
        assert len((tmp_path / "0.0").read_text().splitlines()) == 4
    finally:
        assert shutdown(timeout=PATIENCE)
        configure()


def test_options_of_a_declaration_are_no_options_of_a_call(
    application: ConformingApplication,
) -> None:
    for name in ("_no_retry", "_rules", "_jitter"):
        with pytest.raises(TypeError, match=f"{name} is neither an option"):
            background(retrying.give_up, application.path(), "no", **{name: ()})
