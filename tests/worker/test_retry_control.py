"""Retries that tasks ask for or exclude, on real workers: history, reasons, ceilings, hard limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from asok_core.api.decorator import Task
from asok_core.backends.roles import Scope
from asok_core.inspection.history import Event, history_of
from asok_core.jobs.envelope import unseal
from asok_core.jobs.job import RETRY, Job
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from tests.conformance import retrying
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

MODULE = retrying.__name__


def enqueue(desk: Desk, function: str, *args: object, **options: object) -> Job:
    """Enqueue a job of a task in ``retrying``, with what its declaration sends along."""
    declared: Task[..., object, object] = getattr(retrying, function)
    sent = declared.__asok_options__.rules.sent
    extra = {RETRY: dict(sent)} if sent else {}
    fields = {"retries": 3, "backoff": 0, "module": MODULE, "extra": extra} | options
    return desk.enqueue(function, str(desk.folder / "calls"), *args, **fields)


def calls(desk: Desk) -> int:
    path = desk.folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def attempts(desk: Desk, job: Job) -> list[Event]:
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    return [each for each in history_of(detail, detail.read_at) if each.ran is not None]


def notes(desk: Desk, job: Job) -> list[tuple[str, str, str]]:
    return [(each.what, each.detail, each.error) for each in attempts(desk, job)]


def test_a_retry_that_a_task_asks_for_is_in_history_and_explanation(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]
) -> None:
    worker = run_worker()
    job = enqueue(desk, "ask", 1, {"reason": "HTTP 429", "after": 3600})
    desk.reaches(job, "retrying")
    note = "retry asked by the task in 3600 s"
    assert notes(desk, job) == [("retried", note, "Retry: HTTP 429")]
    shown = asok("job", "show", job.id).out
    assert f"{note}  Retry: HTTP 429" in shown
    (first, *_) = asok("explain", job.id, "--json").document["reasons"]
    assert first["text"] == f"attempt 1 of 4 failed ({note}): Retry: HTTP 429"
    # What a task asks for is no error: one line without a traceback.
    line = f"INFO    Job will be retried  task={MODULE}.ask error='Retry: HTTP 429' retry_in=3600s"
    worker.wait_for_log(f"{line} note='{note}'")
    assert "Traceback" not in worker.log


def test_an_uncounted_retry_is_in_history_and_explanation(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]
) -> None:
    run_worker()
    options = {"after": 3600, "counted": False}
    job = enqueue(desk, "ask", 1, options, retries=0, unique="order 7")
    record = desk.reaches(job, "retrying")
    assert record.retry_count == 0
    note = "retry asked by the task in 3600 s, uncounted"
    assert notes(desk, job) == [("postponed", note, "Retry: in 3600 s")]
    assert "◷ postponed, uncounted" in asok("job", "show", job.id).out
    (first, *_) = asok("explain", job.id, "--json").document["reasons"]
    assert first["text"] == f"{note}: Retry: in 3600 s"
    assert first["evidence"]["uncounted_retries"] == 1
    ((envelope, due),) = desk.delayed()
    again = unseal(envelope, KEYRING)
    assert (again.postponements, again.retry_count) == (1, 0)
    assert again.postponed_since == pytest.approx(due - 3600, abs=5)
    assert desk.client.get(desk.keys.unique("order 7")) == job.id.encode()
    assert (desk.counted("retried"), desk.counted("failed")) == (0, 0)


@pytest.mark.parametrize(
    ("function", "arguments", "note", "error"),
    [
        (
            "picky",
            ["UnicodeError"],
            "not retried: UnicodeError is in no_retry (as ValueError)",
            "no luck",
        ),
        ("patient", ["KeyError"], "not retried: KeyError is not in retry_on", "no luck"),
        ("give_up", ["card expired"], "failed by the task", "Fail: card expired"),
        ("give_up_from", [""], "failed by the task", "ValueError: card expired"),
        ("slow", [], "not retried: JobTimeout is in no_retry", "JobTimeout: it ran longer"),
    ],
)
def test_why_a_job_was_not_retried_is_in_history_and_explanation(
    desk: Desk,
    run_worker: RunWorker,
    asok: Callable[..., Ran],
    *,
    function: str,
    arguments: list[str],
    note: str,
    error: str,
) -> None:
    run_worker()
    job = enqueue(desk, function, *arguments, timeout=0.1 if function == "slow" else None)
    desk.reaches(job, "failed")
    ((what, why, line),) = notes(desk, job)
    assert (what, why) == ("failed", note)
    assert error in line
    assert "✗ failed for good" in asok("job", "show", job.id).out
    assert note in asok("job", "show", job.id).out
    (first, *_) = asok("explain", job.id, "--json").document["reasons"]
    assert first["text"].startswith(f"attempt 1 of 4 failed ({note}): ")
    assert error in first["text"]
    assert calls(desk) == 1


def test_an_argument_in_the_text_of_a_cause_stays_hidden(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]
) -> None:
    run_worker(ASOK_REDACT="token")
    job = enqueue(desk, "ask_with", "s3cr3t-t0ken", retries=1)
    desk.reaches(job, "failed")
    assert len(notes(desk, job)) == 2
    for kept in (*notes(desk, job), str(desk.record(job)), asok("job", "show", job.id).out):
        assert "HTTP 401" in str(kept)
    record = desk.record(job)
    for text in (record.error, record.error_line, str(desk.dead()[0].error), str(notes(desk, job))):
        assert "s3cr3t-t0ken" not in str(text)


def test_a_job_that_asks_again_and_again_ends_as_a_dead_job(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]
) -> None:
    run_worker(ASOK_MAX_UNCOUNTED_RETRIES="3")
    job = enqueue(desk, "ask", 99, {"reason": "not yet", "after": 0, "counted": False})
    desk.reaches(job, "failed")
    assert calls(desk) == 4
    *asked, last = notes(desk, job)
    assert [each[0] for each in asked] == ["postponed"] * 3
    why = "refused after 3 uncounted retries (ASOK_MAX_UNCOUNTED_RETRIES)"
    assert last == ("failed", f"retry asked by the task, {why}", "Retry: not yet")
    (dead,) = desk.dead()
    assert (dead.error, dead.rejected) == ("Retry: not yet", False)
    # A requeue gives it all of them again.
    with closing(open_operator(desk.settings)) as operator:
        assert operator.requeue(Scope(Location.DEAD)).applied == 1
    wait_until(lambda: calls(desk) == 8, "the attempts after the requeue")


def test_a_job_that_asks_for_too_long_ends_as_a_dead_job(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_MAX_UNCOUNTED_AGE="1s")
    job = enqueue(desk, "ask", 10_000, {"after": 0.4, "counted": False})
    desk.reaches(job, "failed")
    what, why, _ = notes(desk, job)[-1]
    assert what == "failed"
    assert why.startswith("retry asked by the task, refused after uncounted retries for 1.")
    assert why.endswith(" s (ASOK_MAX_UNCOUNTED_AGE)")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise OSError('no config')", "OSError: no config"),
        ("import os\nos._exit(9)", "a process died while importing it (exit code 9)"),
    ],
    ids=["raises", "dies"],
)
def test_a_job_whose_module_is_never_imported_ends_as_a_dead_job(
    desk: Desk, run_worker: RunWorker, tmp_path: Path, source: str, words: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    job = desk.enqueue("note", "7", module="broken")
    worker = run_worker(cwd=tmp_path, ASOK_MAX_UNCOUNTED_RETRIES="2")
    record = desk.reaches(job, "failed")
    assert words in (record.error_line or "")
    assert (record.error_line or "").endswith(
        "(not retried: 2 uncounted retries (ASOK_MAX_UNCOUNTED_RETRIES))"
    )
    (dead,) = desk.dead()
    # One that never ran is not dropped when the dead-letter queue is full.
    assert (dead.error, dead.rejected) == (record.error_line, True)
    worker.wait_for_log("Job failed")


def test_a_job_past_its_hard_limit_is_not_retried_where_its_task_excludes_that(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = enqueue(desk, "stuck", hard_timeout=0.5)
    desk.reaches(job, "failed")
    ((what, why, error),) = notes(desk, job)
    assert (what, why) == ("failed", "not retried: the task excludes JobTimeout")
    assert error == "TimeoutError: it ran longer than its hard limit of 0.5 s"
    assert calls(desk) == 1
    worker.wait_for_log(f"note='{why}'")
