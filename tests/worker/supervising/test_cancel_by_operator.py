"""``asok job cancel`` of a job that runs: asked, then its process is ended; for this job alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asok_console.commands.job.cancel import how_far
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import worker_of
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import ActiveJob, OperationResult
from asok_core.inspection.task_figures import RANGES
from asok_core.jobs.job import Job
from asok_core.operations.inspector import open_reader
from tests.conftest import SECRET_KEY
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import environment, lives, wait_until

Asok = Callable[..., Ran]

MODULE = """\
import asyncio, os, time
from asok_core import JobCancelled, cancelled, hooks
from tests.worker.jobs import hold, hold_the_interpreter, sleep_in_c, write_line

hooks.failure(lambda job, error, retries: write_line(f"failure hook {job.id}"))
hooks.after(lambda job, result: write_line(f"after hook {job.id}"))

def compute(word):
    write_line(f"begin {word}")
    while True:
        time.sleep(0.01)

def raise_another(word):
    try:
        compute(word)
    except JobCancelled as error:
        raise OSError("while it stopped") from error

def ignore(word):
    write_line(f"begin {word}")
    while True:
        try:
            while True:
                time.sleep(0.01)
        except JobCancelled:
            write_line(f"ignored {word}")

def return_when_cancelled(word):
    write_line(f"begin {word}")
    try:
        while True:
            time.sleep(0.01)
    except JobCancelled:
        return "done nevertheless"

def fail_when_released(word):
    hold(word)
    raise OSError("no luck")

def fork_and_ignore(word):
    if os.fork() == 0:
        write_line(f"pid {os.getpid()}")
        write_line(f"fork {word}")
        while True:
            time.sleep(0.01)
    ignore(word)

async def wait_long(word):
    write_line(f"begin {word}")
    await asyncio.sleep(3600)

async def compute_in_a_coroutine(word):
    compute(word)
"""


@pytest.fixture
def start(tmp_path: Path, run_worker: RunWorker) -> RunWorker:
    """Starts workers whose tasks may be those of ``MODULE``."""
    (tmp_path / "stubborn.py").write_text(MODULE)

    def started(*options: str, cwd: object = None, **settings: object) -> Any:
        return run_worker(*options, cwd=cwd, PYTHONPATH=tmp_path, **settings)

    return started


def running(desk: Desk, task: str, word: str, module: str = "stubborn", **options: Any) -> Job:
    job = desk.enqueue(task, word, module=module, **options)
    desk.wait_for_lines(f"begin {word}")
    desk.reaches(job, "running")
    return job


def cancel(asok: Asok, job: Job, wait: str = "600s") -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASOK_CANCEL_WAIT", wait)
        ran = asok("job", "cancel", job.id, "--yes")
    assert ran.code == 0, ran.err
    assert ran.out == "Requested to stop 1 job\n"
    return ran


def failed_when_cancelled(desk: Desk, start: RunWorker, asok: Asok) -> tuple[Worker, Job]:
    """A job whose last attempt fails before its process knows that it is cancelled."""
    worker = start()
    job = running(desk, "fail_when_released", "job")
    worker.signal(signal.SIGSTOP)
    cancel(asok, job)
    desk.release("job")
    desk.reaches(job, "failed")
    return worker, job


def moves(desk: Desk, job: Job) -> list[str]:
    text = desk.client.hget(f"asok:job:{job.id}", "moves") or b""
    return [json.loads(line)[1] for line in text.splitlines()]


def nothing_is_left(desk: Desk) -> None:
    assert desk.active() == []
    assert desk.dead() == []
    assert desk.delayed() == []
    assert not list(desk.client.scan_iter(match="asok:crashes:*"))
    wait_until(lambda: not list(desk.client.scan_iter(match="asok:ends:*")), "no request is left")


@pytest.mark.parametrize(
    "task", ["compute", "raise_another", "wait_long", "compute_in_a_coroutine"]
)
def test_a_task_gets_an_exception_and_is_not_retried(
    desk: Desk, start: RunWorker, asok: Asok, task: str
) -> None:
    worker = start()
    job = running(desk, task, "job", retries=3)
    process = worker.only_process()
    ran = cancel(asok, job, "1s" if task == "compute_in_a_coroutine" else "600s")
    assert "is ended" in ran.err
    record = desk.reaches(job, "cancelled")
    nothing_is_left(desk)
    assert moves(desk, job) == ["stop"]
    assert record.cancel is not None
    assert record.cancel.by
    assert record.cancel.taken_at is not None
    assert desk.counted("cancelled") == 1
    assert desk.counted("retried") == 0
    if task != "compute_in_a_coroutine":
        assert worker.processes() == [process]
        worker.wait_for_log("Job cancelled")
    assert not any("hook" in line for line in desk.journal())
    desk.reaches(desk.enqueue("note", "next"), "completed")


def test_a_retry_that_becomes_a_cancellation_calls_no_hooks(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    """The attempt fails before its process knows that the job is cancelled."""
    worker = start()
    job = running(desk, "fail_when_released", "job", retries=3, backoff=1)
    worker.signal(signal.SIGSTOP)
    cancel(asok, job)
    desk.release("job")
    record = desk.reaches(job, "cancelled")
    assert (record.retry_count, record.error_line) == (0, None)
    assert "OSError: no luck" in (record.error or "")
    worker.wait_for_log("Job cancelled")
    worker.signal(signal.SIGCONT)
    desk.reaches(desk.enqueue("note", "next"), "completed")
    assert "retry_in" not in worker.log
    assert not any("hook" in line and job.id in line for line in desk.journal())
    assert (desk.counted("cancelled"), desk.counted("retried"), desk.counted("failed")) == (1, 0, 0)
    nothing_is_left(desk)


def test_a_last_attempt_that_fails_at_that_moment_is_a_dead_job_and_calls_them(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker, job = failed_when_cancelled(desk, start, asok)
    desk.wait_for_lines(f"failure hook {job.id}")
    assert len(desk.dead()) == 1
    worker.signal(signal.SIGCONT)
    wait_until(lambda: not list(desk.client.scan_iter(match="asok:ends:*")), "no request is left")


def test_a_hard_limit_of_a_cancelled_job_is_no_retry(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker = start()
    job = desk.enqueue("hold_the_interpreter", 600.0, module="stubborn", retries=3, hard_timeout=3)
    desk.wait_for_lines("begin")
    cancel(asok, job)
    record = desk.reaches(job, "cancelled")
    assert record.retry_count == 0
    worker.wait_for_log("Job cancelled")
    assert "retry_in" not in worker.log
    nothing_is_left(desk)


def test_two_operators_cancel_one_job_once(desk: Desk, start: RunWorker) -> None:
    worker = start(ASOK_WORKER_LEASE="600s")
    job = running(desk, "ignore", "job")
    worker.signal(signal.SIGSTOP)
    process = desk.record(job).worker or ""
    active = ActiveJob(job.id, process, "default", desk.active()[0])
    endpoint = Endpoint(desk.settings.redis_url)
    results: list[OperationResult] = []

    def ask(who: str) -> None:
        with closing(RedisOperator(endpoint, desk.keys, None, who=who)) as operator:
            results.append(operator.stop_running([active], 600.0))

    operators = [threading.Thread(target=ask, args=(f"{name}@host",)) for name in ("ann", "bob")]
    for each in operators:
        each.start()
    for each in operators:
        each.join()
    assert sorted(each.applied for each in results) == [0, 1]
    record = desk.record(job)
    assert record.cancel is not None
    assert record.cancel.by in {"ann@host", "bob@host"}
    assert moves(desk, job) == ["stop"]
    # Who came second changes neither the name nor the time that the first gave it.
    assert desk.client.xlen("asok:audit") == 2
    worker.signal(signal.SIGCONT)
    desk.wait_for_lines("ignored job")
    assert desk.journal().count("ignored job") == 1
    worker.kill()


@pytest.mark.parametrize("order", ["quiet", "stop"])
def test_a_worker_that_is_quiet_or_stops_still_cancels(
    desk: Desk, start: RunWorker, asok: Asok, order: str
) -> None:
    worker = start("--concurrency", "2")
    job = running(desk, "ignore", "job", retries=3)
    name = worker_of(desk.record(job).worker or "")
    assert asok("worker", order, name).code == 0
    worker.wait_for_log("quieted" if order == "quiet" else "stops within")
    cancel(asok, job, "0.5s")
    desk.reaches(job, "cancelled")
    assert desk.journal().count("begin job") == 1
    nothing_is_left(desk)
    if order == "stop":
        assert worker.ends() == 0


def test_a_task_that_forks_is_cancelled_with_what_it_started(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    start()
    job = running(desk, "fork_and_ignore", "job", retries=3)
    desk.wait_for_lines("fork job")
    (process,) = [int(line.split()[1]) for line in desk.journal() if line.startswith("pid ")]
    cancel(asok, job, "0.5s")
    desk.reaches(job, "cancelled")
    wait_until(lambda: not lives(process), "the end of the fork")
    assert desk.journal().count("begin job") == 1
    nothing_is_left(desk)


def test_a_task_that_completes_nevertheless_is_completed(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    start()
    job = running(desk, "return_when_cancelled", "job")
    cancel(asok, job)
    assert desk.reaches(job, "completed").result == '"done nevertheless"'
    nothing_is_left(desk)


@pytest.mark.parametrize("task", ["ignore", "hold_the_interpreter"])
def test_the_process_of_a_task_that_does_not_stop_is_ended_for_it_alone(
    desk: Desk, start: RunWorker, asok: Asok, task: str
) -> None:
    worker = start("--concurrency", "3", ASOK_CRASH_LIMIT=1)
    process = worker.only_process()
    neighbours = [running(desk, "hold", word, "tests.worker.jobs") for word in ("one", "two")]
    if task == "ignore":
        job = running(desk, task, "job", retries=3)
    else:
        job = desk.enqueue(task, 600.0, retries=3)
        desk.wait_for_lines("begin")
        # Nothing of the process can note in its record that it runs.
    cancel(asok, job, "1s")
    record = desk.reaches(job, "cancelled")
    assert record.error == "JobCancelled: its process was ended, as its task did not stop"
    wait_until(lambda: process not in worker.processes(), "the end of the process")
    # The others began again, and are not charged.
    desk.wait_for_lines("begin one", "begin one", "begin two", "begin two")
    for word in ("one", "two"):
        desk.release(word)
    for each in neighbours:
        done = desk.reaches(each, "completed")
        assert (done.retry_count, done.cancel) == (0, None)
    nothing_is_left(desk)
    worker.wait_for_log("is ended: 1 cancelled job did not stop")
    assert "died" not in worker.log.replace("which died", "")
    shown = asok("job", "show", job.id)
    assert "stack when attempt 1 was ended (cancelled)" in shown.out
    assert shown.out.index("⊘ cancel requested     by ") < shown.out.index("⊘ stopped on request")
    reason = asok("explain", job.id, "--json").document["reasons"][0]
    assert reason["code"] == "cancelled"
    assert "@" in reason["evidence"]["by"]
    assert f"in {task}" in shown.out or f"  {task}  " in shown.out


def test_the_states_of_a_cancellation_are_shown(desk: Desk, start: RunWorker, asok: Asok) -> None:
    worker = start(ASOK_WORKER_LEASE="600s")
    job = running(desk, "ignore", "job")
    worker.signal(signal.SIGSTOP)
    cancel(asok, job)
    assert "cancelled   requested by" in asok("job", "show", job.id).out
    assert asok("job", "show", job.id, "--json").document["cancellation"]["state"] == "asked"
    evidence = asok("explain", job.id, "--json").document["reasons"][-1]["evidence"]
    assert "@" in evidence["cancellation_requested_by"]
    again = asok("job", "cancel", job.id, "--yes")
    assert again.code == 1
    assert "its cancellation was requested before" in again.out
    worker.signal(signal.SIGCONT)
    wait_until(
        lambda: (
            asok("job", "show", job.id, "--json").document["cancellation"]["state"] == "stopping"
        ),
        "a job that is stopping",
    )
    desk.wait_for_lines("ignored job")
    assert desk.record(job).status == "running"
    worker.kill()


def test_the_command_shows_how_far_it_is_until_the_end(desk: Desk, start: RunWorker) -> None:
    worker = start()
    job = running(desk, "ignore", "job")
    worker.signal(signal.SIGSTOP)
    words = (
        sys.executable,
        "-m",
        "asok_console",
        "job",
        "cancel",
        job.id,
        "--yes",
        "--wait",
        "10m",
    )
    env = {"ASOK_QUEUE_BACKEND": "redis", "SECRET_KEY": SECRET_KEY, "ASOK_CANCEL_WAIT": "1s"}
    env |= {"ASOK_REDIS_URL": desk.settings.redis_url}
    program = subprocess.Popen(words, env=environment(env), stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    lines = [program.stdout.readline() for _ in range(2)]
    assert lines[0] == "Requested to stop 1 job\n"
    assert lines[1].startswith(f"{job.id}  requested by ")
    assert lines[1].endswith("; its worker has not received it yet\n")
    worker.signal(signal.SIGCONT)
    rest, _ = program.communicate()
    stopping, ended = rest.splitlines()
    assert "; stopping, its process is " in stopping
    assert ended.endswith("; ended: cancelled")
    assert program.returncode == 0


def test_what_has_not_ended_or_not_as_cancelled_is_an_exit_code(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker = start()
    job = running(desk, "return_when_cancelled", "job")
    ran = asok("job", "cancel", job.id, "--yes", "--wait", "10m")
    assert ran.code == 1
    assert ran.out.splitlines()[-1].endswith("; ended: completed")
    job = running(desk, "ignore", "other")
    worker.signal(signal.SIGSTOP)
    ran = asok("job", "cancel", job.id, "--yes", "--wait", "1s")
    assert ran.code == 1
    assert "1 job had not ended after 1 s" in ran.err
    assert asok("job", "cancel", job.id, "--yes", "--wait", "soon").code == 2
    worker.kill()


def test_a_last_attempt_that_fails_at_that_moment_is_shown_as_that(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker, job = failed_when_cancelled(desk, start, asok)
    reader = open_reader(desk.settings)
    assert how_far(reader.job(job.id)) == "ended: failed"
    desk.client.delete(f"asok:job:{job.id}", "asok:dlq")
    assert how_far(reader.job(job.id)) == "how it ended is not known: its record is gone"
    reader.close()
    worker.kill()


def test_the_audit_names_the_operator(desk: Desk, start: RunWorker, asok: Asok) -> None:
    start()
    job = running(desk, "compute", "job")
    cancel(asok, job)
    desk.reaches(job, "cancelled")
    ((_, entry),) = desk.client.xrange("asok:audit")
    record = desk.record(job)
    assert record.cancel is not None
    assert (entry[b"action"], entry[b"words"]) == (b"cancel", f"id:{job.id}".encode())
    assert entry[b"who"] == record.cancel.by.encode()
    assert entry[b"applied"] == b"1"
    assert "running: id:" in asok("audit").out


def test_a_worker_that_dies_does_not_bring_a_cancelled_job_back(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker = start()
    job = running(desk, "ignore", "job", retries=3)
    beside: Worker = start()
    desk.idle(1, 1)
    cancel(asok, job)
    worker.kill()
    desk.reaches(job, "cancelled")
    beside.wait_for_log("Job cancelled")
    assert desk.journal().count("begin job") == 1
    assert desk.pending() == []
    nothing_is_left(desk)


def test_a_process_that_dies_does_not_bring_a_cancelled_job_back(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker = start()
    job = running(desk, "ignore", "job", retries=3)
    cancel(asok, job)
    desk.wait_for_lines("ignored job")
    os.kill(worker.only_process(), signal.SIGKILL)
    desk.reaches(job, "cancelled")
    assert desk.journal().count("begin job") == 1
    nothing_is_left(desk)


def test_a_worker_that_stops_does_not_bring_a_cancelled_job_back(
    desk: Desk, start: RunWorker, asok: Asok
) -> None:
    worker = start()
    job = running(desk, "ignore", "job", retries=3)
    cancel(asok, job)
    desk.wait_for_lines("ignored job")
    worker.quit()
    assert desk.record(job).status == "cancelled"
    assert desk.pending() == []
    assert desk.active() == []


@pytest.mark.parametrize(
    "end",
    ["stops", "is ended", "fails", "hard limit", "process dies", "worker stops", "worker quits"],
)
def test_however_a_cancelled_job_ends_it_is_logged_and_counted_once(
    desk: Desk, start: RunWorker, asok: Asok, end: str
) -> None:
    """Also where its process is ended for it while the worker stops, and has its error then."""
    worker = start()
    task = {"stops": "compute", "fails": "fail_when_released"}.get(end, "ignore")
    limit: dict[str, Any] = {"hard_timeout": 3} if end == "hard limit" else {}
    job = running(desk, task, "job", retries=3, **limit)
    assert figures(desk, task, "started") == {"started": 1}
    if end == "fails":
        worker.signal(signal.SIGSTOP)
    elif end == "worker stops":
        worker.signal(signal.SIGTERM)
        worker.wait_for_log("stops within")
    cancel(asok, job, "0.5s" if end in ("is ended", "worker stops") else "600s")
    if end == "fails":
        desk.release("job")
        worker.wait_for_log("Job cancelled")
        worker.signal(signal.SIGCONT)
    elif end == "process dies":
        desk.wait_for_lines("ignored job")
        os.kill(worker.only_process(), signal.SIGKILL)
    elif end == "worker quits":
        desk.wait_for_lines("ignored job")
        worker.quit()
    record = desk.reaches(job, "cancelled")
    if end in ("is ended", "worker stops"):
        assert (record.error or "").startswith("JobCancelled: its process was ended")
    counted = {"started": 1, "cancelled": 1, "failed": 0, "retried": 0}
    assert figures(desk, task, *counted, until=counted) == counted
    worker.wait_for_log("Job cancelled")
    worker.stop()
    assert worker.log.count("Job cancelled") == 1
    assert "retry_in" not in worker.log
    assert desk.counted("cancelled") == 1


def figures(
    desk: Desk, task: str, *names: str, until: dict[str, int] | None = None
) -> dict[str, int]:
    """Figures of a task, once they are those of ``until``, or once there are some."""

    def found() -> dict[str, int]:
        table = reader.tasks(RANGES["1h"])
        rows = [row.figures for row in table.rows if row.name == f"stubborn.{task}"]
        return {name: getattr(each, name) for each in rows for name in names}

    with closing(open_reader(desk.settings)) as reader:
        wait_until(lambda: found() == until if until else found(), lambda: f"{found()}")
        return found()


def test_what_does_not_run_is_refused_or_cancelled_as_before(desk: Desk, asok: Asok) -> None:
    job = desk.enqueue("note", "job")
    ran = asok("job", "cancel", job.id, "--yes")
    assert (ran.code, ran.out) == (0, "Cancelled 1 job\n")
    again = asok("job", "cancel", job.id, "--yes")
    assert again.code == 1


def test_the_question_states_what_will_happen(desk: Desk, start: RunWorker, asok: Asok) -> None:
    start()
    job = running(desk, "hold", "job", "tests.worker.jobs")
    refused = asok("job", "cancel", job.id)
    assert refused.code == 2
    assert "pass --yes" in refused.err
    desk.release("job")
    desk.reaches(job, "completed")


@pytest.mark.parametrize("task", ["sleep_in_c", "hold_the_interpreter"])
def test_the_last_stack_is_kept_before_a_hard_limit(
    desk: Desk, run_worker: RunWorker, asok: Asok, task: str
) -> None:
    run_worker()
    argument: Any = "word" if task == "sleep_in_c" else 600.0
    job = desk.enqueue(task, argument, hard_timeout=0.5)
    desk.reaches(job, "failed")
    shown = asok("job", "show", job.id)
    assert "stack when attempt 1 was ended (hard limit)" in shown.out
    stack = asok("job", "show", job.id, "--json").document["stack"]
    assert stack["frames"][0]["function"] == task
    assert stack["frames"][0]["file"].endswith("tests/worker/jobs.py")


def test_the_last_stack_is_kept_where_a_worker_stops_before_the_job_does(
    desk: Desk, run_worker: RunWorker, asok: Asok
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="0.2s")
    job = running(desk, "hold", "job", "tests.worker.jobs")
    assert worker.stop() == 0
    assert desk.record(job).status == "pending"
    stack = asok("job", "show", job.id, "--json").document["stack"]
    assert (stack["why"], stack["frames"][0]["function"]) == ("worker stopped", "hold")


def test_the_help_names_running_jobs_where_ids_may_name_them_only(asok: Asok) -> None:
    text = " ".join(asok("job", "cancel", "--help").out.split())
    assert "Move pending or delayed jobs to the trash" in text
    assert "or ask running jobs to stop, and end their processes if that takes too long." in text
    assert "ids of pending, delayed or running jobs" in text
    assert "all pending or delayed jobs" in text
