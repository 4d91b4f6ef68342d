"""Hooks and the current request: the same on every backend."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from asok_core import background, current_request, request_context
from tests.conformance import tasks
from tests.conformance.conftest import ConformingApplication
from tests.programs import PATIENCE, wait_until

REQUEST = SimpleNamespace(path="/orders/7", method="POST")


def test_hooks_are_called_for_each_attempt(application: ConformingApplication) -> None:
    future = background(tasks.watch, application.path("."), 1, _retries=1, _backoff=0)
    assert future.result(PATIENCE) == 2
    wait_until(lambda: len(application.lines("journal")) >= 4, "the calls of all hooks")
    assert sorted(application.lines("journal")) == [
        "after 2: 2",
        "before 1/2",
        "before 2/2",
        "failure 1: ConnectionError, retry True",
    ]


def test_a_task_has_the_request_during_which_it_was_enqueued(
    application: ConformingApplication,
) -> None:
    with request_context(REQUEST):
        inside = background(tasks.request_path, _retries=1)
        nested = background(tasks.enqueue_request_path)
    outside = background(tasks.request_path)
    assert inside.result(PATIENCE) == nested.result(PATIENCE) == "/orders/7"
    assert outside.result(PATIENCE) is None
    assert not current_request


@pytest.mark.except_on("redis", because="the worker logs it, in its own process")
def test_a_failure_is_logged_with_fields_for_grouping(
    application: ConformingApplication, caplog: pytest.LogCaptureFixture
) -> None:
    future = background(tasks.fail, "no luck", _queue="low")
    assert future.exception(PATIENCE) is not None
    wait_until(lambda: bool(caplog.records), "the log record")
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.msg == "Background task %s failed: %s"
    assert record.__dict__["job_id"] == future.job_id
    assert record.__dict__["queue"] == "low"
