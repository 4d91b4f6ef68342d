"""Inherent differences between the backends: one test for each row of ``differences``."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from asok_core import (
    JobFailed,
    JobFuture,
    Settings,
    background,
    cancel,
    configure,
    get_job,
    request_context,
    shutdown,
)
from tests.conformance import retrying, tasks
from tests.conformance.conftest import ConformingApplication
from tests.conformance.differences import DIFFERENCES
from tests.programs import PATIENCE, environment, python, wait_until


def test_every_difference_has_its_test() -> None:
    assert [each.test for each in DIFFERENCES if not callable(globals().get(each.test))] == []


def test_where_a_job_runs(application: ConformingApplication) -> None:
    process, thread = background(tasks.where).result(PATIENCE)
    assert (process == os.getpid()) is (application.backend != "redis")
    if application.backend != "redis":
        assert (thread == threading.get_ident()) is application.eager


def test_whether_a_job_has_ended_when_background_returns(
    application: ConformingApplication,
) -> None:
    if application.eager:
        application.release()
    future = background(tasks.hold, application.path("."))
    assert future.done() is application.eager
    application.release()
    assert future.result(PATIENCE) == "held"


def test_whether_delays_are_waited_for(application: ConformingApplication) -> None:
    delayed = background(tasks.awaited, 1, _delay=600)
    retried = background(tasks.fail_first, application.path(), 1, _retries=1, _backoff=600)
    path = application.path("requested")
    requested = retrying.ask.delay(path, 1, {"after": 600, "counted": False})
    if application.eager:
        assert [delayed.result(), retried.result(), requested.result()] == [2, 2, 2]
        return
    assert get_job(delayed.job_id).status == "scheduled"
    assert cancel(delayed.job_id)
    for each in (retried, requested):
        application.reaches(each.job_id, "retrying")
        assert cancel(each.job_id)


def test_whether_a_job_can_be_cancelled(application: ConformingApplication) -> None:
    future = background(tasks.awaited, 1, _delay=600)
    assert cancel(future.job_id) is not application.eager


def test_whether_a_nested_function_can_be_a_task(application: ConformingApplication) -> None:
    def nested() -> int:
        return 3

    if application.backend == "redis":
        with pytest.raises(ValueError, match="nested"):
            background(nested)
    else:
        assert background(nested).result(PATIENCE) == 3


def test_the_cause_of_a_failure(application: ConformingApplication) -> None:
    with pytest.raises(JobFailed) as caught:
        background(tasks.fail, "no luck").result(PATIENCE)
    cause = caught.value.__cause__
    if application.backend == "redis":
        assert "Traceback" in str(cause)
        assert "raise ValueError(message)" in str(cause)
    else:
        assert isinstance(cause, ValueError)


def test_the_request_in_a_task(application: ConformingApplication) -> None:
    request = SimpleNamespace(path="/", cookies={"session": "secret"})
    with request_context(request):
        seen = background(tasks.request_attributes).result(PATIENCE)
    if application.backend == "redis":
        assert seen["type"] == "RequestSnapshot"
        assert "cookies" not in seen["names"]
    else:
        assert seen == {"type": "SimpleNamespace", "names": ["cookies", "path"]}


def test_context_variables_in_a_task(application: ConformingApplication) -> None:
    token = tasks.tenant.set("north")
    try:
        seen = background(tasks.tenant_name).result(PATIENCE)
    finally:
        tasks.tenant.reset(token)
    assert seen == (None if application.backend == "redis" else "north")


def test_which_processes_can_read_a_job(application: ConformingApplication) -> None:
    future = background(tasks.awaited, 1)
    assert future.result(PATIENCE) == 2
    script = (
        "import sys\n"
        "from asok_core import JobNotFound, get_job\n"
        "try: print(get_job(sys.argv[1]).status.value)\n"
        "except JobNotFound: print('unknown')\n"
    )
    known = python("-c", script, future.job_id, env=environment(application.settings)).strip()
    assert known == ("completed" if application.backend == "redis" else "unknown")


def test_how_recent_the_progress_of_a_job_is(application: ConformingApplication) -> None:
    if application.eager:
        application.release()
    reports: list[list[Any]] = [[1, 3], [2, 3], [3, 3, "all"]]
    future = background(tasks.report_and_hold, application.path("."), reports)
    assert future.done() is application.eager
    application.wait_for_start()
    if application.backend == "redis":
        wait_until(lambda: _amount(future) == (3, 3, "all"), "the last report")
    assert _amount(future) == (3, 3, "all")
    application.release()
    assert future.result(PATIENCE) == "held"


def test_what_a_stop_does_to_a_job_with_a_checkpoint(application: ConformingApplication) -> None:
    if application.eager:
        application.release()
    items, pause = (list(range(100)), 0.2) if application.backend == "redis" else ([1, 2], 0.0)
    future = background(tasks.hold_in_loop, application.path("."), items, pause)
    application.wait_for_start()
    if application.backend == "redis":
        os.kill(int(application.lines("process")[0]), signal.SIGTERM)
    application.release()
    if application.backend == "local":
        assert shutdown(timeout=PATIENCE)
    assert future.result(PATIENCE) == items
    record = get_job(future.job_id) if application.backend == "redis" else None
    if record is not None:
        assert (record.interruptions, record.retry_count) == (1, 0)
        assert len(set(application.lines("process"))) == 2


def _amount(future: JobFuture[Any]) -> tuple[float, float | None, str] | None:
    progress = future.progress()
    return None if progress is None else progress[:3]


def test_what_strict_0_does(application: ConformingApplication) -> None:
    configure(Settings.load({**application.settings, "ASOK_STRICT": "0"}))
    value = (1, 2)
    if application.backend == "redis":
        with pytest.raises(TypeError, match="'value' is a tuple and would arrive as a list"):
            background(tasks.same, value)
    else:
        assert background(tasks.same, value).result(PATIENCE) is value
