"""Delays, unique keys and cancellation: the same on every backend except eager."""

from __future__ import annotations

import datetime as dt

import pytest

from asok_core import JobCancelled, background, cancel, get_job
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE

waits = pytest.mark.except_on("eager", because="a job has ended when background() returns")


@waits
def test_a_delayed_job_is_scheduled_until_it_starts(application: ConformingApplication) -> None:
    future = background(tasks.note, application.path(), _delay=600)
    record = get_job(future.job_id)
    assert (record.status, record.started_at, record.finished) == ("scheduled", None, False)
    assert cancel(future.job_id)
    soon = background(tasks.note, application.path(), "soon", _delay=dt.timedelta(seconds=0.2))
    assert soon.result(PATIENCE) is None
    assert application.lines() == ["soon"]


def test_a_start_time_in_the_past_means_now(application: ConformingApplication) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for moment in (past, past.timestamp()):
        assert background(tasks.awaited, 1, _at=moment).result(PATIENCE) == 2


@waits
def test_a_unique_key_returns_the_unfinished_job(application: ConformingApplication) -> None:
    key = application.unique("key")
    first = background(tasks.hold, application.path("."), _unique=key)
    application.wait_for_start()
    again = background(tasks.note, application.path(), _unique=key)
    other = background(tasks.note, application.path("other"), _unique=application.unique("other"))
    assert again.job_id == first.job_id != other.job_id
    application.release()
    assert again.result(PATIENCE) == first.result(PATIENCE) == "held"
    assert application.lines() == []


@pytest.mark.parametrize("how", ["completed", "failed"])
def test_a_unique_key_is_released_when_its_job_has_ended(
    application: ConformingApplication, how: str
) -> None:
    key = application.unique(how)
    first = background(
        tasks.fail_first, application.path(), 0 if how == "completed" else 9, _unique=key
    )
    assert first.exception(PATIENCE) is None or how == "failed"
    assert get_job(first.job_id).status == how
    second = background(tasks.awaited, 1, _unique=key)
    assert second.job_id != first.job_id
    assert second.result(PATIENCE) == 2


@waits
def test_a_unique_key_is_held_through_delays_and_retries(
    application: ConformingApplication,
) -> None:
    for name, options in (("delay", {"_delay": 600}), ("retry", {"_retries": 1, "_backoff": 600})):
        key = application.unique(name)
        first = background(tasks.fail, "later", _unique=key, **options)
        application.reaches(first.job_id, "scheduled", "retrying")
        assert background(tasks.awaited, 1, _unique=key).job_id == first.job_id
        assert cancel(first.job_id)
        second = background(tasks.awaited, 1, _unique=key)
        assert second.job_id != first.job_id
        assert second.result(PATIENCE) == 2


@waits
def test_a_pending_job_is_cancelled_once(application: ConformingApplication) -> None:
    future = background(tasks.note, application.path(), _delay=600)
    assert cancel(future.job_id)
    assert not cancel(future.job_id)
    with pytest.raises(JobCancelled, match=future.job_id):
        future.result(PATIENCE)
    record = get_job(future.job_id)
    assert record.status == "cancelled"
    assert record.finished


@waits
def test_a_running_job_is_asked_to_stop(application: ConformingApplication) -> None:
    future = background(tasks.hold_until_cancelled, application.path("."))
    application.wait_for_start()
    application.reaches(future.job_id, "running")
    assert not cancel(future.job_id)
    with pytest.raises(JobCancelled):
        future.result(PATIENCE)
    assert get_job(future.job_id).status == "cancelled"


def test_a_job_that_has_ended_is_not_cancelled(application: ConformingApplication) -> None:
    future = background(tasks.awaited, 1)
    assert future.result(PATIENCE) == 2
    assert not cancel(future.job_id)
    assert not future.cancel()
    assert get_job(future.job_id).status == "completed"
