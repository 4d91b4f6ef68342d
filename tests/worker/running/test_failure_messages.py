"""A failure is reported the same way on every backend: in JobFailed, in the record and in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asok_core.backends.application import ApplicationBackend
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import JobFailed
from asok_core.jobs.calls import make_call
from asok_core.settings.settings import Settings
from tests.fixtures.worker import Desk, RunWorker
from tests.worker import failing

WAIT = 50.0
CASES: dict[Callable[..., Any], str] = {
    failing.plainly: "ValueError: no luck",
    failing.in_lines: "ValueError: first second third",
    failing.without_message: "KeyError",
    failing.with_notes: "ValueError: noted",
    failing.by_exit: "SystemExit: 3",
    failing.in_a_group: "ExceptionGroup: several (2 sub-exceptions)",
    failing.from_another: "RuntimeError: on top",
    failing.at_length: "ValueError: " + "x" * 500,
    failing.awaited: "LookupError: nothing here",
    failing.too_slow: "JobTimeout: it ran longer than its timeout of 0.2 s",
}


@pytest.fixture(params=["local", "eager", "redis"])
def backend(request: pytest.FixtureRequest) -> Iterator[ApplicationBackend]:
    made: ApplicationBackend
    if request.param == "redis":
        request.getfixturevalue("run_worker")("--concurrency", "4")
        made = RedisBackend(request.getfixturevalue("desk").settings)
    else:
        made = LocalBackend(Settings()) if request.param == "local" else EagerBackend(Settings())
    yield made
    made.shutdown(wait=True, timeout=WAIT)


def test_job_failed_says_the_same_on_every_backend(backend: ApplicationBackend) -> None:
    futures = {
        line: backend.enqueue(make_call(task, _timeout=0.2 if task is failing.too_slow else None))
        for task, line in CASES.items()
    }
    for line, future in futures.items():
        with pytest.raises(JobFailed) as caught:
            future.result(WAIT)
        assert str(caught.value) == line
        record = backend.record(future.job_id)
        assert record is not None
        assert record.error_line == line
        trace = caught.value.traceback
        assert trace.strip() == (record.error or "").strip()
        assert line[:50].split()[0] in trace
        first = next(each for each in trace.splitlines() if "File " in each)
        assert f'File "{failing.__file__}"' in first


def test_an_error_is_reported_for_no_attempt_but_the_last(backend: ApplicationBackend) -> None:
    future = backend.enqueue(make_call(failing.once, str(id(backend)), _retries=1, _backoff=0))
    assert future.result(WAIT) == "done"
    record = backend.record(future.job_id)
    assert record is not None
    assert (record.error, record.error_line) == (None, None)


def test_a_record_of_another_program_reports_the_last_line_of_its_traceback(desk: Desk) -> None:
    backend = RedisBackend(desk.settings)
    future = backend.enqueue(make_call(failing.plainly))
    key = f"asok:job:{future.job_id}"
    trace = "Traceback ...\nKeyError: 7\n"
    desk.client.set(key, json.dumps({"status": "failed", "error": trace}), ex=600)
    with pytest.raises(JobFailed, match=r"^KeyError: 7$") as caught:
        future.result(WAIT)
    assert caught.value.traceback == trace.strip()
    backend.shutdown(wait=True, timeout=None)


def test_log_records_of_failures_can_be_grouped(caplog: pytest.LogCaptureFixture) -> None:
    backend = EagerBackend(Settings())
    calls = [
        make_call(failing.plainly),
        make_call(failing.plainly, "other words", _retries=1, _queue="low"),
    ]
    futures = backend.enqueue_many(calls)
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.msg for each in errors] == ["Background task %s failed: %s"] * 2
    assert [each.__dict__["job_id"] for each in errors] == [each.job_id for each in futures]
    (retried,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    for record, words, queue, attempt in (
        (errors[0], "no luck", "default", "1/1"),
        (retried, "other words", "low", "1/2"),
        (errors[1], "other words", "low", "2/2"),
    ):
        assert record.exc_info is not None
        assert str(record.exc_info[1]) == words
        assert record.__dict__["task"] == "tests.worker.failing.plainly"
        assert record.__dict__["error"] == f"ValueError: {words}"
        assert (record.__dict__["queue"], record.__dict__["attempt"]) == (queue, attempt)
        # A formatter of the standard library shows one traceback, which begins with the task.
        text = logging.Formatter().format(record)
        assert text.count("Traceback (most recent call last)") == 1
        assert text.count("  File ") == 1


def test_a_workers_records_of_failures_can_be_grouped(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    module = "tests.worker.failing"
    desk.reaches(desk.enqueue("keep_records", module=module), "completed")
    job = desk.enqueue("plainly", module=module, retries=1, backoff=0.1, queue="low")
    desk.reaches(job, "failed")
    worker.wait_for_log("Job failed")
    desk.wait_for_lines("Job failed 2/2")
    assert desk.journal() == [
        f"{message} {attempt}"
        for message, attempt in (("Attempt failed", "1/2"), ("Job failed", "2/2"))
    ]


def test_text_lines_of_failures_hold_one_traceback(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    job = desk.enqueue("plainly", module="tests.worker.failing")
    worker.wait_for_log("Job failed")
    worker.wait_for_log("ValueError: no luck\n")
    line = next(each for each in worker.log.splitlines() if "Job failed" in each)
    assert "Job failed  task=tests.worker.failing.plainly error='ValueError: no luck' " in line
    assert "queue=default attempt=1/1 duration=" in line
    assert line.endswith(f"job={job.id}")
    assert worker.log.count("Traceback (most recent call last)") == 1


def test_what_an_application_adds_to_a_record_is_in_the_json_line(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--log-format", "json")
    desk.enqueue("log_extra", module="tests.worker.failing")
    worker.wait_for_log("an order")
    line = next(each for each in map(json.loads, worker.log.splitlines()) if "order" in each)
    assert line["message"] == "an order"
    assert line["level"] == "warning"
    assert (line["order"], line["tenant"]) == (7, "ž")
    assert line["basket"] == {"apples": [1, 2]}
    assert line["level_"] == "a word of the application's"
    assert line["odd"] == "<an odd object>"
    assert line["nan"] == "nan"
    assert line["keys"] == "{(1, 2): 3}"
    assert line["hostile"] == "<Hostile>"
    assert "taskName" not in line
