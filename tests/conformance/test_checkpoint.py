"""From where a job resumes: the same on every backend."""

from __future__ import annotations

from typing import Any

import pytest

from asok_core import JobFailed, background, get_job, resumable
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE

PAGES = [{"id": number, "name": f"page {number}"} for number in (7, 3, 9, 5)]


def test_a_retry_does_only_what_is_left(application: ConformingApplication) -> None:
    future = background(
        tasks.work_through, application.path(), [1, 2, 3, 4], [3, 3], _retries=2, _backoff=0
    )
    assert future.result(PATIENCE) == 3
    assert application.lines() == ["1", "2", "3", "4"]


def test_it_begins_after_the_item_of_the_key(application: ConformingApplication) -> None:
    future = background(
        tasks.work_through, application.path(), PAGES, [PAGES[2]], "id", _retries=1, _backoff=0
    )
    assert future.result(PATIENCE) == 2
    assert application.lines() == [str(each) for each in PAGES]


@pytest.mark.parametrize(
    "cursor", ["page \N{SNOWMAN} \x1b[2J", {"page": [1, 2.5, None, True]}, None, [], 10**30]
)
def test_the_next_attempt_gets_the_last_cursor(
    application: ConformingApplication, cursor: Any
) -> None:
    future = background(tasks.keep_and_fail, application.path(), cursor, _retries=1, _backoff=0)
    assert future.result(PATIENCE) == [cursor, cursor]
    assert get_job(future.job_id).checkpoint is None


def test_a_failed_job_keeps_its_checkpoint(application: ConformingApplication) -> None:
    future = background(tasks.keep_and_fail, application.path(), {"page": 3})
    with pytest.raises(JobFailed, match="page 3 is missing"):
        future.result(PATIENCE)
    record = get_job(future.job_id)
    assert record.checkpoint is not None
    assert record.checkpoint.cursor == {"page": 3}
    assert record.interruptions == 0


def test_a_time_limit_with_a_new_checkpoint_spends_no_retry(
    application: ConformingApplication,
) -> None:
    future = background(tasks.exceed_limit, application.path(), [1, 2], _timeout=0.2)
    assert future.result(PATIENCE) == ["None", "1", "2"]
    record = get_job(future.job_id)
    assert (record.retry_count, record.interruptions) == (0, 2)


def test_a_time_limit_without_a_new_checkpoint_is_a_failure(
    application: ConformingApplication,
) -> None:
    future = background(
        tasks.exceed_limit, application.path(), [1, 1, 1], _timeout=0.2, _retries=1, _backoff=0
    )
    with pytest.raises(JobFailed, match="JobTimeout"):
        future.result(PATIENCE)
    assert application.lines() == ["None", "1", "1"]
    assert get_job(future.job_id).interruptions == 1


def test_a_task_that_does_not_ask_from_where_to_resume_is_not_resumed_at_its_time_limit(
    application: ConformingApplication,
) -> None:
    future = background(tasks.exceed_limit_unasked, application.path(), _timeout=0.2)
    with pytest.raises(JobFailed, match="JobTimeout"):
        future.result(PATIENCE)
    assert application.lines() == ["ran"]


def test_an_attempt_that_has_ended_keeps_nothing(application: ConformingApplication) -> None:
    future = background(
        tasks.keep_for_the_earlier_attempt, application.path(), _retries=2, _backoff=0
    )
    assert future.result(PATIENCE) == "first"


@pytest.mark.parametrize(
    ("task", "args", "error"),
    [
        (
            tasks.keep,
            ["x" * 5000],
            "ValueError: cursor has 5,002 bytes as JSON; it must have at most",
        ),
        (
            tasks.keep_set,
            [],
            "TypeError: cursor.ids is a set, which JSON cannot encode; pass a list",
        ),
        (tasks.iterate_twice, ["loop"], "RuntimeError: resumable() is used twice in this job"),
        (tasks.iterate_twice, [""], "RuntimeError: resumable() makes the checkpoints of this job"),
    ],
)
def test_an_invalid_checkpoint_is_an_error_of_the_task(
    application: ConformingApplication, task: Any, args: list[Any], error: str
) -> None:
    with pytest.raises(JobFailed) as caught:
        background(task, *args).result(PATIENCE)
    assert str(caught.value).startswith(error)


def test_there_is_no_loop_outside_a_job(application: ConformingApplication) -> None:
    with pytest.raises(RuntimeError, match="outside a job"):
        resumable([1])
