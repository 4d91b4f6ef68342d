"""Retries that tasks ask for or exclude, on real workers: history, reasons, ceilings, hard limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from asok_core.api.decorator import Task
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.roles import Scope
from asok_core.errors import TaskImportFailed
from asok_core.execution.retries import Decision
from asok_core.inspection.history import JobEvent, history_of
from asok_core.jobs.envelope import seal, unseal
from asok_core.jobs.job import POSTPONED_SINCE, RETRY, Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.runtime.failures import Failure
from asok_core.worker.config import WorkerConfig
from asok_core.worker.import_crashes import FailedImport
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.supervising.settling import postpone_imports
from tests.conformance import retrying
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

MODULE = retrying.__name__


def enqueue(desk: Desk, function: str, *args: object, **options: object) -> Job:
    """Enqueue a job of a task in ``retrying``, with what its declaration sends along."""
    declared: Task[..., object, object] = getattr(retrying, function)
    sent = declared.__asok_options__.rules.delays_and_timeouts
    extra = {RETRY: dict(sent)} if sent else {}
    fields = {"retries": 3, "backoff": 0, "module": MODULE, "extra": extra} | options
    return desk.enqueue(function, str(desk.folder / "calls"), *args, **fields)


def calls(desk: Desk) -> int:
    path = desk.folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def attempts(desk: Desk, job: Job) -> list[JobEvent]:
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
    note = "the task requested a retry in 3600 s"
    assert notes(desk, job) == [("retried", note, "Retry: HTTP 429")]
    shown = asok("job", "show", job.id).out
    assert f"{note}  Retry: HTTP 429" in shown
    (first, *_) = asok("explain", job.id, "--json").document["reasons"]
    assert first["text"] == f"attempt 1 of 4 failed ({note}): Retry: HTTP 429"
    # What a task asks for is no error: one line without a traceback.
    line = f"INFO    Retry requested  task={MODULE}.ask error='Retry: HTTP 429' retry_in=3600s"
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
    note = "the task requested a retry in 3600 s, uncounted"
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
    assert last == ("failed", f"the task requested a retry, {why}", "Retry: not yet")
    (dead,) = desk.dead()
    assert (dead.error, dead.rejected) == ("Retry: not yet", False)
    # A requeue gives it all of them again.
    with closing(open_operator(desk.settings)) as operator:
        assert operator.requeue(Scope(Location.DEAD)).applied == 1
    wait_until(lambda: calls(desk) == 8, "the attempts after the requeue")


def test_a_job_that_asks_for_too_long_ends_as_a_dead_job(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_MAX_UNCOUNTED_AGE="1s")
    job = enqueue(desk, "ask", 10_000, {"after": 0.2, "counted": False})
    desk.reaches(job, "failed")
    what, why, _ = notes(desk, job)[-1]
    assert what == "failed"
    assert why.startswith("the task requested a retry, refused after 10 uncounted retries in ")
    assert why.endswith(" s (ASOK_MAX_UNCOUNTED_AGE)")
    assert calls(desk) == 11


def postponements(desk: Desk) -> int:
    found = [unseal(envelope, KEYRING).postponements or 0 for envelope, _ in desk.delayed()]
    return max(found, default=0)


def test_no_age_ends_a_job_after_a_few_faults_of_a_worker(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    # The age grows also while its queue is paused and while no worker runs.
    (tmp_path / "broken.py").write_text("raise OSError('no config')")
    job = desk.enqueue("note", "7", module="broken")
    run_worker(cwd=tmp_path, ASOK_MAX_UNCOUNTED_AGE="1s")
    wait_until(lambda: postponements(desk) == 3 or desk.dead(), "three postponements")
    assert desk.dead() == []
    (tmp_path / "broken.py").write_text("def note(word: str) -> str: return word")
    desk.reaches(job, "completed")


def test_a_moment_that_an_earlier_release_left_in_a_job_is_not_that_of_its_first_postponement(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    enqueue(desk, "ask", 1, {"after": 3600, "counted": False}, extra={POSTPONED_SINCE: 7.0})
    wait_until(desk.delayed, "the retry")
    ((envelope, due),) = desk.delayed()
    again = unseal(envelope, KEYRING)
    assert again.postponed_since == pytest.approx(due - 3600, abs=5)


def test_a_job_that_ran_into_a_fault_of_the_worker_too_often_has_failed(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]
) -> None:
    worker = run_worker(ASOK_MAX_UNCOUNTED_RETRIES="2")
    job = enqueue(desk, "fill_the_disk", retries=5)
    record = desk.reaches(job, "failed")
    assert calls(desk) == 3
    note = "not retried: 2 uncounted retries (ASOK_MAX_UNCOUNTED_RETRIES)"
    assert notes(desk, job)[-1] == ("failed", note, record.error_line)
    (dead,) = desk.dead()
    # Only a job that never ran is kept in a dead-letter queue that is full.
    assert (dead.error, dead.rejected) == (record.error_line, False)
    assert "No space left" in str(dead.error)
    (first, *_) = asok("explain", job.id, "--json").document["reasons"]
    assert first["text"].startswith(f"attempt 1 of 6 failed ({note}): OSError")
    assert (desk.counted("failed"), desk.counted("dead")) == (1, 1)
    worker.wait_for_log(f"note='{note}'")


def test_attempts_that_spend_no_retry_count_for_the_jobs_of_a_process(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--max-jobs", "3")
    process = worker.only_process()
    enqueue(desk, "ask", 5, {"after": 0, "counted": False})
    wait_until(lambda: process not in worker.processes(), "a new process")
    wait_until(lambda: calls(desk) == 6, "the end of the job")


def test_a_requested_retry_that_cannot_be_written_is_a_dead_job(desk: Desk) -> None:
    # Its number and its age are in the envelope: they would not grow, and it would run without end.
    job = desk.job("note", "7")
    claimed = ClaimedJob(Claim("default", seal(job, KEYRING)), job)
    builder = OutcomeBuilder(desk.settings, Keyring(b"another key, of thirty-two bytes"))
    failure = Failure.of_line("Retry: not yet")
    request = Decision("postpone", 1.0, "the task requested a retry in 1 s, uncounted", asked=True)
    outcome = builder.failed(failure, claimed, job, 0.5, decision=request)
    assert (outcome.verb, outcome.note) == ("fail", request.note)
    assert outcome.error_line.startswith("Retry: not yet (and cannot be retried: the signature ")
    # A fault of this worker makes no dead job of one that only this worker cannot write.
    outcome = builder.postponed(claimed, failure, 0.0)
    assert (outcome.verb, outcome.moved) == ("postpone", claimed.claim.envelope)


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


def test_a_supervisor_reports_the_class_of_a_failed_import_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(desk.settings, max_uncounted_retries=1)
    job = desk.job("note", "7", module="shop", postponements=1)
    desk.client.lpush("asok:active:w.1:default", seal(job, KEYRING))
    failed = {job.id: FailedImport("shop", "a process died while importing it")}
    config = WorkerConfig(settings, "w", ("default",), concurrency=1)
    with closing(Registry(Endpoint(settings.redis_url), desk.keys)) as registry:
        postpone_imports(config, registry, "w.1", "default", failed)
    (line,) = [each for each in caplog.records if each.getMessage() == "Job failed"]
    assert line.exc_info is not None
    # As error reporters show it: the class, then the text.
    kind, error = line.exc_info[:2]
    assert kind is TaskImportFailed
    why = "module 'shop' cannot be imported: a process died while importing it (not retried: "
    assert str(error).startswith(why)
    assert desk.dead()[0].error == f"TaskImportFailed: {error}"


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
