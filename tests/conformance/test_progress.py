"""The progress that a task reports: the same on every backend."""

from __future__ import annotations

import pytest

from asok_core import JobFailed, JobProgress, background, current_job, get_job
from asok_core.execution.current_job import CurrentJob
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE, wait_until


def _reported(progress: JobProgress | None) -> tuple[float, float | None, str] | None:
    return None if progress is None else progress[:3]


def test_a_task_knows_its_job(application: ConformingApplication) -> None:
    future = background(tasks.which_job, application.path(), _queue="low", _retries=1, _backoff=0)
    assert future.result(PATIENCE) == [future.job_id, 2, "low"]


def test_there_is_no_current_job_outside_a_job(application: ConformingApplication) -> None:
    with pytest.raises(RuntimeError, match="outside a job"):
        current_job()


@pytest.mark.except_on("eager", because="a job has ended when its future is there")
def test_the_future_shows_how_far_a_running_job_is(application: ConformingApplication) -> None:
    future = background(tasks.report_and_hold, application.path("."), [[40, 100, "page 3"]])
    wait_until(lambda: future.progress() is not None, "the progress of the job")
    assert _reported(future.progress()) == (40, 100, "page 3")
    assert get_job(future.job_id).progress == future.progress()
    application.release()
    assert future.result(PATIENCE) == "held"


def test_the_last_report_of_a_job_stays(application: ConformingApplication) -> None:
    application.release()
    future = background(
        tasks.report_and_hold, application.path("."), [[1, 4], [2.5, 2, "more than expected"], [3]]
    )
    assert future.result(PATIENCE) == "held"
    assert _reported(future.progress()) == (3, None, "")


def test_a_failed_job_shows_how_far_it_came(application: ConformingApplication) -> None:
    future = background(tasks.report_and_fail, 40, 100, "page 3")
    with pytest.raises(JobFailed, match="page 3 is missing"):
        future.result(PATIENCE)
    assert _reported(future.progress()) == (40, 100, "page 3")


def test_another_attempt_begins_without_progress(application: ConformingApplication) -> None:
    future = background(
        tasks.report_at_the_first_attempt, application.path(), _retries=1, _backoff=0
    )
    assert future.result(PATIENCE) == 2
    assert future.progress() is None


def test_an_attempt_that_has_ended_reports_nothing_for_the_next(
    application: ConformingApplication,
) -> None:
    future = background(
        tasks.report_for_the_earlier_attempt, application.path(), _retries=1, _backoff=0
    )
    assert future.result(PATIENCE) == 2
    assert future.progress() is None


@pytest.mark.except_on("redis", because="its jobs run in another process")
def test_a_report_after_the_end_changes_nothing(application: ConformingApplication) -> None:
    kept: list[CurrentJob] = []

    def keep() -> None:
        kept.append(current_job())
        current_job().progress(1, 2)

    future = background(keep)
    future.result(PATIENCE)
    kept[0].progress(2, 2)
    assert _reported(future.progress()) == (1, 2, "")


def test_a_job_that_reports_nothing_has_no_progress(application: ConformingApplication) -> None:
    future = background(tasks.awaited, 1)
    assert future.result(PATIENCE) == 2
    assert future.progress() is None


def test_a_note_is_one_bounded_line(application: ConformingApplication) -> None:
    application.release()
    for note, kept in (
        ("page\n 3\t\N{SNOWMAN}\x1b[2J", "page 3 \N{SNOWMAN}\x1b[2J"),
        ("é" * 9999, "é" * 199 + "…"),
    ):
        future = background(tasks.report_and_hold, application.path("."), [[1, None, note]])
        assert future.result(PATIENCE) == "held"
        assert _reported(future.progress()) == (1, None, kept)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        (["1"], "TypeError: done is of type str; it must be a number"),
        ([None], "TypeError: done is None; it must be a number"),
        ([True], "TypeError: done is of type bool; it must be a number"),
        ([-1], "ValueError: done is -1; it must be a number from 0 to 1e+18"),
        ([1, "2"], "TypeError: total is of type str; it must be a number"),
        ([1, 1e19], "ValueError: total is 1e+19; it must be a number from 0 to 1e+18"),
        ([1, "10**5000"], "ValueError: total is too large; it must be a number from 0 to 1e+18"),
        ([1, 2, None], "TypeError: note is None; it must be a string"),
    ],
)
def test_an_invalid_report_is_an_error_of_the_task(
    application: ConformingApplication, report: list[object], error: str
) -> None:
    application.release()
    future = background(tasks.report_and_hold, application.path("."), [report])
    with pytest.raises(JobFailed) as caught:
        future.result(PATIENCE)
    assert str(caught.value) == error
