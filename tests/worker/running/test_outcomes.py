"""The outcome of a job: its record, its retry, its dead job."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import Any

import pytest

from asok_core.jobs.envelope import Trust, dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.operations.inspector import open_reader
from tests.fixtures.worker import KEYRING, TASKS, Desk, RunWorker, Worker, foreign_envelope
from tests.programs import wait_until


@pytest.fixture
def worker(run_worker: RunWorker) -> Worker:
    return run_worker()


def test_a_job_passes_through_its_states_and_each_is_in_its_record(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "job", retries=2)
    before = desk.record(job)
    assert (before.status, before.function, before.queue) == ("pending", f"{TASKS}.hold", "default")
    assert (before.retries, before.retry_count, before.result) == (2, 0, None)
    run_worker()
    running = desk.reaches(job, "running")
    assert running.started_at is not None
    assert before.enqueued_at is not None
    assert running.started_at >= before.enqueued_at - 1
    assert running.worker is not None
    assert running.worker.endswith(".1")
    desk.release("job")
    done = desk.reaches(job, "completed")
    assert (done.result, done.error) == ("null", None)
    assert done.enqueued_at == before.enqueued_at
    assert done.finished_at is not None
    assert done.finished_at >= running.started_at
    assert 86_000 < desk.client.ttl(f"asok:job:{job.id}") <= 86_400
    assert desk.client.lrange("asok:recent", 0, -1) == [job.id.encode()]
    assert (desk.counted("enqueued"), desk.counted("completed"), desk.counted("failed")) == (
        1,
        1,
        0,
    )


@pytest.mark.usefixtures("worker")
def test_results_are_kept_as_json(desk: Desk) -> None:
    results: list[tuple[Any, str]] = [
        ([1, "two", None], '[1, "two", null]'),
        ("Žluť 🎉", json.dumps("Žluť 🎉")),
        ({"a": {"b": [True]}}, '{"a": {"b": [true]}}'),
    ]
    jobs = [(desk.enqueue("give", value), text) for value, text in results]
    jobs.append((desk.enqueue("give", kwargs={"executor": 1, "_queue": "x"}), None))  # type: ignore[arg-type]
    for job, text in jobs[:-1]:
        assert desk.reaches(job, "completed").result == text
    assert json.loads(desk.reaches(jobs[-1][0], "completed").result or "") == {
        "executor": 1,
        "_queue": "x",
    }


@pytest.mark.usefixtures("worker")
def test_a_coroutine_function_runs_to_completion(desk: Desk) -> None:
    assert desk.reaches(desk.enqueue("wait_a_little", 41), "completed").result == "42"


def test_a_failed_job_is_retried_after_backoff_to_the_power_of_its_retries(
    desk: Desk, worker: Worker
) -> None:
    job = desk.enqueue("fail", retries=9, retry_count=2, backoff=7)
    record = desk.reaches(job, "retrying")
    ((envelope, due),) = desk.delayed()
    assert record.ts is not None
    assert due - record.ts == pytest.approx(7**3, abs=0.001)
    assert (record.retry_count, record.retries) == (3, 9)
    assert record.error is not None
    assert record.error.rstrip().endswith("ValueError: no luck")
    again = json.loads(json.loads(envelope)["job"])
    assert again | {"due_at": None} == json.loads(json.loads(seal(job, KEYRING))["job"]) | {
        "retry_count": 3,
        "due_at": None,
    }
    fields = json.loads(envelope)
    assert KEYRING.verifies(fields["job"], fields["sig"], fields["v"])
    worker.wait_for_log("Attempt failed")
    assert "retry_in=343s" in worker.log
    assert (desk.counted("retried"), desk.counted("failed"), desk.counted("dead")) == (1, 1, 0)


@pytest.mark.usefixtures("worker")
def test_retries_are_promoted_when_due_until_one_succeeds(desk: Desk) -> None:
    job = desk.enqueue("fail_until", 4, "try", retries=5, backoff=0.3)
    record = desk.reaches(job, "completed")
    assert (record.result, record.retry_count) == ('"done at try 4"', 3)
    assert desk.journal() == ["try"] * 4
    assert (desk.counted("retried"), desk.counted("completed")) == (3, 1)


def test_scheduled_jobs_are_promoted_in_the_order_of_their_due_times(
    desk: Desk, run_worker: RunWorker
) -> None:
    now = time.time()
    jobs = [desk.enqueue("note", f"{n}", due_at=now + 3 + n * 0.2) for n in (4, 2, 3)]
    assert {desk.record(job).status for job in jobs} == {"scheduled"}
    desk.enqueue("note", "1")
    # Only now: on a busy machine a job would be due, and run, before one that is enqueued later.
    run_worker()
    desk.wait_for_lines("1", "2", "3", "4")
    assert desk.journal() == ["1", "2", "3", "4"]
    assert time.time() >= now + 3.8


@pytest.mark.usefixtures("worker")
def test_no_backoff_loses_a_job(desk: Desk) -> None:
    for backoff, retry_count in ((1e300, 2), (10**400, 1)):
        job = desk.job("fail", retries=9, retry_count=retry_count)
        desk.client.lpush("asok:queue", foreign_envelope(job, backoff=backoff))
        desk.reaches(job, "retrying")
        ((envelope, due),) = desk.delayed()
        assert job.id.encode() in envelope
        assert due == pytest.approx(time.time() + 365 * 86_400, abs=600)
        desk.client.delete("asok:delayed_tasks")
    for backoff in (-2.5, -1, 0, 1e-9):
        job = desk.job("fail", retries=3, retry_count=0)
        desk.client.lpush("asok:queue", foreign_envelope(job, backoff=backoff))
        desk.reaches(job, "failed")
        assert desk.dead()[0].id == job.id


def test_a_job_without_retries_left_is_a_dead_job(desk: Desk, worker: Worker) -> None:
    job = desk.enqueue("fail", "no <b>luck</b>\nat all")
    record = desk.reaches(job, "failed")
    (dead_job,) = desk.dead()
    assert dead_job.trust == Trust.SIGNED
    assert dead_job.envelope == seal(job, KEYRING)
    assert dead_job.error == "ValueError: no <b>luck</b> at all"
    assert dead_job.traceback is not None
    assert "Traceback (most recent call last)" in dead_job.traceback
    assert record.error == dead_job.traceback
    assert dead_job.failed_at == pytest.approx(time.time(), abs=60)
    assert (desk.counted("failed"), desk.counted("dead"), desk.counted("retried")) == (1, 1, 0)
    assert set(json.loads(dead_job.raw)) == {"v", "job", "sig", "failed_at", "error", "traceback"}


@pytest.mark.parametrize("code", [0, 3])
def test_a_task_that_exits_fails_and_the_worker_continues(
    desk: Desk, worker: Worker, code: int
) -> None:
    desk.enqueue("leave", code)
    desk.enqueue("note", "on")
    desk.wait_for_lines("on")
    wait_until(desk.dead, "a dead job")
    assert desk.dead()[0].error == f"SystemExit: {code}"
    assert "died" not in worker.log


@pytest.mark.usefixtures("worker")
def test_a_task_past_its_soft_limit_gets_an_exception(desk: Desk) -> None:
    job = desk.enqueue("loop_forever", timeout=0.2)
    record = desk.reaches(job, "failed")
    assert "JobTimeout: it ran longer than its timeout of 0.2 s" in (record.error or "")


MISSING = [
    ("tests.worker.no_such_module", "f", "TaskNotFound", "cannot be imported: No module named"),
    (TASKS, "no_such_function", "TaskNotFound", "has no function 'no_such_function'"),
    (TASKS, "not_a_function", "TaskNotFound", "is an int, not a function"),
    ("", "f", "InvalidTaskName", "cannot name a module"),
    (TASKS, "__import__", "InvalidTaskName", "cannot name a task"),
    (TASKS, "os.system", "InvalidTaskName", "cannot name a task"),
]


@pytest.mark.usefixtures("worker")
def test_a_task_that_is_not_there_is_a_dead_job_with_the_reason(desk: Desk) -> None:
    desk.reaches(desk.enqueue("give"), "completed")
    for module, function, error, reason in MISSING:
        job = desk.enqueue(function, module=module)
        record = desk.reaches(job, "failed")
        dead_job = desk.dead()[0]
        assert dead_job.error is not None
        assert dead_job.error.startswith(f"{error}: ")
        assert reason in dead_job.error
        assert reason in (record.error or "")
        assert dead_job.envelope == seal(job, KEYRING)


def _without(job: Job, field: str) -> bytes:
    return foreign_envelope(job, **{field: ...})


JOB = Job("4c1d", TASKS, "note", ("never",))
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "not JSON": (b"{", "not JSON"),
    "a number": (b"17", "a JSON int, not an object"),
    "deep": (b"[" * 100_000, "not JSON"),
    "NUL": (b"\0\0", "not JSON"),
    "not UTF-8": (b'{"v": 1, "job": "\xff"}', "not UTF-8"),
    "no job": (b'{"v": 1, "sig": "00"}', "are not both text"),
    "unsigned": (json.dumps({"v": 1, "job": "{}"}).encode(), "not signed"),
    "bare": (json.dumps({"id": "1", "module": "m", "function": "f"}).encode(), "not signed"),
    "bad signature": (seal(JOB, Keyring(b"a stranger's")), "signature does not match"),
    "signature of half a character": (
        json.dumps({"v": 1, "job": "{}", "sig": "\ud800"}).encode(),
        "signature does not match",
    ),
    "half a character in the text": (
        json.dumps({"v": 1, "job": '{"id": "\ud800"}', "sig": "00"}).encode(),
        "signature does not match",
    ),
    "half a character in the id": (foreign_envelope(JOB, id="\ud800"), "is not UTF-8 text"),
    "half a character in the queue": (foreign_envelope(JOB, queue="\udfff"), "is not UTF-8 text"),
    "no id": (_without(JOB, "id"), "the job has no 'id'"),
    "empty id": (foreign_envelope(JOB, id=""), "'id' does not have 1 to"),
    "long id": (foreign_envelope(JOB, id="x" * 129), "'id' does not have 1 to"),
    "no module": (_without(JOB, "module"), "the job has no 'module'"),
    "no args": (_without(JOB, "args"), "the job has no 'args'"),
    "args are no list": (foreign_envelope(JOB, args="abc"), "the job's 'args' is a str"),
    "retries are text": (foreign_envelope(JOB, retries="3"), "the job's 'retries' is a str"),
    "kwargs are null": (foreign_envelope(JOB, kwargs=None), "the job's 'kwargs' is a NoneType"),
}


def test_what_must_not_run_is_a_dead_job_with_the_reason_and_the_bytes(
    desk: Desk, worker: Worker
) -> None:
    desk.reaches(desk.enqueue("give"), "completed")
    for raw, _ in MALFORMED.values():
        desk.client.lpush("asok:queue", raw)
    good = desk.enqueue("give", 1)
    desk.reaches(good, "completed")
    wait_until(lambda: len(desk.dead()) == len(MALFORMED), "a dead job of each")
    for (kind, (raw, reason)), dead_job in zip(
        MALFORMED.items(), reversed(desk.dead()), strict=True
    ):
        assert dead_job.error is not None, kind
        assert dead_job.failed_at is not None, kind
        assert reason in dead_job.error, kind
        whole = dead_entry(
            raw,
            failed_at=dead_job.failed_at,
            error=dead_job.error,
            traceback=dead_job.error,
            rejected=True,
        )
        assert dead_job.raw == whole, kind
    assert desk.active() == []
    assert "Traceback" not in worker.log
    assert "died" not in worker.log
    assert desk.journal() == []


@pytest.mark.usefixtures("worker")
def test_a_malformed_job_that_is_due_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.client.zadd("asok:delayed_tasks", {b"\xff\0 broken": 1.0})
    job = desk.job("note", "due")
    desk.client.zadd("asok:delayed_tasks", {foreign_envelope(job): 2.0})
    desk.wait_for_lines("due")
    wait_until(desk.dead, "a dead job")
    assert "not UTF-8" in (desk.dead()[0].error or "")
    assert desk.delayed() == []


@pytest.mark.usefixtures("worker")
def test_jobs_that_cannot_be_promoted_do_not_hold_up_the_others(desk: Desk) -> None:
    desk.client.set("asok:queue:odd", "not a list", ex=600)
    stuck = [desk.job("note", "odd", queue="odd") for _ in range(450)]
    desk.client.zadd("asok:delayed_tasks", {foreign_envelope(job): 1.0 for job in stuck})
    for word in ("one", "two"):
        desk.client.zadd("asok:delayed_tasks", {foreign_envelope(desk.job("note", word)): 2.0})
        desk.wait_for_lines(word)
    assert len(desk.delayed()) == 450
    desk.client.delete("asok:queue:odd")
    wait_until(lambda: len(desk.pending("odd")) == 450, "all promoted")


@pytest.mark.usefixtures("worker")
def test_a_record_that_the_framework_wrote_stays_a_string(desk: Desk) -> None:
    job = desk.job("fail_until", 2, "try", retries=2, backoff=0.1)
    fields = {"status": "pending", "result": None, "error": None, "ts": 1.5, "function": job.task}
    key = f"asok:job:{job.id}"
    desk.client.set(key, json.dumps(fields), ex=86_400)
    desk.client.lpush("asok:queue", foreign_envelope(job))
    record = desk.reaches(job, "completed")
    assert record.foreign
    assert desk.client.type(key) == b"string"
    kept = json.loads(desk.client.get(key) or b"")
    assert kept["status"] == "completed"
    assert kept["result"] == "done at try 2"
    assert kept["error"] is None
    assert kept["function"] == job.task
    assert kept["retry_count"] == 1
    assert isinstance(kept["ts"], float)
    assert kept["ts"] > 1e9
    assert 86_000 < desk.client.ttl(key) <= 86_400


@pytest.mark.usefixtures("worker")
def test_a_job_whose_record_has_expired_is_run_nevertheless(desk: Desk) -> None:
    job = desk.job("give", 5)
    desk.client.lpush("asok:queue", foreign_envelope(job))
    assert desk.reaches(job, "completed").result == "5"


@pytest.mark.usefixtures("worker")
def test_a_dead_job_list_of_another_type_keeps_the_job(desk: Desk) -> None:
    desk.client.set("asok:dlq", "not a list", ex=600)
    job = desk.enqueue("fail")
    desk.enqueue("note", "on")
    desk.wait_for_lines("on")
    wait_until(lambda: desk.active() == [seal(job, KEYRING)], "the job kept in the active list")
    desk.client.delete("asok:dlq")
    wait_until(desk.dead, "the dead job at last")
    assert [dead_job.id for dead_job in desk.dead()] == [job.id]
    assert desk.counted("dead") == 1


def test_the_attempts_of_a_job_that_failed_are_reported_the_last_ten(
    desk: Desk, worker: Worker
) -> None:
    job = desk.enqueue("fail", retries=12, backoff=0)
    record = desk.reaches(job, "failed")
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    assert [attempt.verb for attempt in detail.attempts] == ["retry"] * 9 + ["fail"]
    last = detail.attempts[-1]
    assert last.started_at == record.started_at
    assert last.seconds is not None
    assert last.error == (record.error or "").splitlines()[-1]
    started = [attempt.started_at or 0.0 for attempt in detail.attempts]
    assert started == sorted(started)


def test_a_job_that_goes_well_at_once_carries_no_list_of_attempts(
    desk: Desk, worker: Worker
) -> None:
    job = desk.enqueue("give", 1)
    desk.reaches(job, "completed")
    assert not desk.client.hexists(f"asok:job:{job.id}", "attempts")
