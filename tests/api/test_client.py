from __future__ import annotations

from collections.abc import Iterator

import pytest

from asok_core import (
    JobNotFound,
    Settings,
    SettingsError,
    Status,
    background,
    background_many,
    call,
    cancel,
    configure,
    get_job,
    shutdown,
)
from asok_core.api import client
from tests.samples import sample_tasks

WAIT = 30.0


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    configure(Settings())
    yield
    shutdown(timeout=WAIT)
    configure()


def test_a_function_runs_in_the_background() -> None:
    future = background(sample_tasks.add, 1, b=2)
    assert future.result(WAIT) == 3
    assert get_job(future.job_id).status is Status.COMPLETED


def test_a_keyword_named_executor_reaches_the_task() -> None:
    future = background(sample_tasks.takes_executor, executor="a", fn="b", args="c")
    assert future.result(WAIT) == "abc"


def test_many_calls_at_once() -> None:
    futures = background_many([call(sample_tasks.add, 1), sample_tasks.decorated.call(4)])
    assert [each.result(WAIT) for each in futures] == [1, 8]
    assert background_many([]) == []


def test_a_task_is_called_and_enqueued() -> None:
    assert sample_tasks.decorated(5) == 10
    future = sample_tasks.decorated.delay(5)
    assert future.result(WAIT) == 10
    record = get_job(future.job_id)
    assert (record.function, record.queue, record.retries) == (
        "tests.samples.sample_tasks.decorated",
        "high",
        2,
    )
    assert sample_tasks.coroutine.delay(5).result(WAIT) == 15
    assert background(sample_tasks.coroutine, 5).result(WAIT) == 15


def test_options_of_a_task_can_be_changed_for_one_call() -> None:
    changed = sample_tasks.decorated.options(queue="low", unique="one")
    record = get_job(changed.delay(1).job_id)
    assert (record.queue, record.retries) == ("low", 2)
    future = sample_tasks.decorated.delay_in(3600, 1)
    assert get_job(future.job_id).status is Status.SCHEDULED
    assert cancel(future.job_id)
    assert get_job(future.job_id).status is Status.CANCELLED


def test_an_option_that_is_invalid_is_raised_at_once() -> None:
    with pytest.raises(ValueError, match="_retries is -1"):
        background(sample_tasks.add, 1, _retries=-1)
    with pytest.raises(ValueError, match="_retries is -1"):
        sample_tasks.decorated.options(retries=-1)
    line = r"^queues is not an option of a job \(queue, retries, .*\); did you mean queue\?$"
    with pytest.raises(TypeError, match=line):
        sample_tasks.decorated.options(queues="low")  # type: ignore[arg-type]


def test_an_unknown_job_is_not_found() -> None:
    with pytest.raises(JobNotFound, match="job 'x' has no record"):
        get_job("x")


def test_the_environment_is_read_once_and_again_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    configure()
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "eager")
    assert background(sample_tasks.add, 1).done()
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "nonsense")
    assert background(sample_tasks.add, 1).done()
    configure()
    with pytest.raises(SettingsError, match="ASOK_QUEUE_BACKEND is 'nonsense'"):
        background(sample_tasks.add, 1)


def test_backends_are_kept_for_their_settings() -> None:
    future = background(sample_tasks.add, 1)
    future.result(WAIT)
    configure(Settings(queue_backend="eager"))
    with pytest.raises(JobNotFound):
        get_job(future.job_id)
    configure(Settings())
    assert get_job(future.job_id).result == "1"


def test_redis_without_a_secret_key_reports_how_to_create_one() -> None:
    configure(Settings(queue_backend="redis"))
    with pytest.raises(SettingsError, match="SECRET_KEY is not set"):
        background(sample_tasks.add, 1)


def test_after_a_shutdown_the_next_job_opens_a_new_backend() -> None:
    assert background(sample_tasks.add, 1).result(WAIT) == 1
    assert shutdown() is True
    assert background(sample_tasks.add, 2).result(WAIT) == 2


def test_background_is_documented_under_its_own_name() -> None:
    assert background.__name__ == "background"  # type: ignore[attr-defined]
    assert "_retries" in (client.background.__doc__ or "")
