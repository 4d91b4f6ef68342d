"""Figures by task: every attempt that ends is counted once, whatever ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.inspection.task_figures import RANGES, Figures, TaskTable
from asok_core.jobs.job import Job
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import TASKS, Desk, RunWorker, Worker, foreign_envelope
from tests.programs import wait_until

HOUR = RANGES["1h"]
LATE = """\
from tests.worker.jobs import hold

def raise_later(word):
    hold(word)
    raise OSError("after it was cancelled")
"""


@pytest.fixture
def reader(make_settings: Callable[..., Settings]) -> Iterator[RedisReader]:
    opened = open_reader(make_settings())
    yield opened
    opened.close()


def row_of(reader: RedisReader, task: str) -> Figures:
    return next((row.figures for row in reader.tasks(HOUR).rows if row.name == task), Figures())


def figures_of(table: TaskTable, function: str) -> Figures:
    return next((row.figures for row in table.rows if row.name == f"{TASKS}.{function}"), Figures())


def wait_for(reader: RedisReader, function: str, **counts: int) -> Figures:
    """Wait until these are the figures of a task, and return all of them."""

    def shown() -> dict[str, int]:
        figures = figures_of(reader.tasks(HOUR), function)
        return {name: getattr(figures, name) for name in counts}

    wait_until(lambda: shown() == counts, lambda: f"{counts} of {function}; they are {shown()}")
    return figures_of(reader.tasks(HOUR), function)


def test_attempts_are_counted_by_task(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    run_worker("--concurrency", "2")
    done = [desk.enqueue("give", n) for n in range(30)]
    desk.enqueue("fail")
    desk.enqueue("fail_until", 2, "again", retries=2, backoff=0.1)
    for job in done:
        desk.reaches(job, "completed")
    counted = wait_for(reader, "give", started=30, completed=30, failed=0)
    assert sum(counted.runs.values()) == sum(counted.waits.values()) == 30
    assert counted.size > 30 * 200
    assert counted.run_us > 0
    wait_for(reader, "fail", started=1, completed=0, failed=1, retried=0)
    wait_for(reader, "fail_until", started=2, completed=1, failed=1, retried=1)
    assert reader.tasks(HOUR).other is None
    day = reader.tasks(RANGES["24h"])
    assert figures_of(day, "give") == figures_of(reader.tasks(HOUR), "give")


def test_a_running_attempt_has_started(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    run_worker()
    job = desk.enqueue("hold", "door")
    wait_for(reader, "hold", started=1, completed=0)
    desk.release("door")
    desk.reaches(job, "completed")
    wait_for(reader, "hold", started=1, completed=1)


def test_what_is_counted_is_written_before_a_process_ends(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    worker = run_worker()
    job = desk.enqueue("give", 1)
    desk.reaches(job, "completed")
    assert worker.stop() == 0
    assert figures_of(reader.tasks(HOUR), "give").completed == 1


def test_jobs_whose_processes_died_too_often_have_failed(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    worker = run_worker(ASOK_CRASH_LIMIT="1")
    job = desk.enqueue("hold", "door")
    wait_for(reader, "hold", started=1)
    os.kill(worker.only_process(), signal.SIGKILL)
    desk.reaches(job, "failed")
    wait_for(reader, "hold", started=1, completed=0, failed=1)


def test_a_job_past_its_hard_limit_has_failed(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    run_worker()
    job = desk.enqueue("sleep_in_c", "word", timeout=0.1)
    desk.reaches(job, "failed")
    counted = wait_for(reader, "sleep_in_c", started=1, completed=0, failed=1)
    assert sum(counted.runs.values()) == 1


def test_jobs_that_are_returned_have_started_and_not_ended(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="0.1")
    job = desk.enqueue("hold", "door")
    wait_for(reader, "hold", started=1)
    worker.stop()
    assert desk.record(job).status == "pending"
    counted = figures_of(reader.tasks(HOUR), "hold")
    assert (counted.started, counted.ended) == (1, 0)


def stopped_without_its_worker(
    desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran], path: Path, task: str
) -> tuple[Worker, Job]:
    """A running job that an operator has cancelled, of which its worker does not know that yet."""
    (path / "late.py").write_text(LATE)
    worker = run_worker(PYTHONPATH=path, ASOK_WORKER_LEASE="600s")
    job = desk.enqueue(task, "door", module="late", retries=3)
    desk.reaches(job, "running")
    worker.signal(signal.SIGSTOP)
    assert asok("job", "cancel", job.id, "--yes").code == 0
    return worker, job


def test_a_retry_that_becomes_a_cancellation_is_counted_as_that(
    desk: Desk,
    run_worker: RunWorker,
    reader: RedisReader,
    asok: Callable[..., Ran],
    tmp_path: Path,
) -> None:
    worker, job = stopped_without_its_worker(desk, run_worker, asok, tmp_path, "raise_later")
    desk.release("door")
    desk.reaches(job, "cancelled")
    wait_until(lambda: row_of(reader, "late.raise_later").ended == 1, "the attempt that ended")
    counted = row_of(reader, "late.raise_later")
    assert (counted.started, counted.cancelled, counted.failed, counted.retried) == (1, 1, 0, 0)
    assert sum(counted.runs.values()) == 1
    worker.signal(signal.SIGCONT)
    # When the attempt is logged, it is not known that the job is cancelled.
    for event in ("Attempt failed", "Job cancelled"):
        worker.wait_for_log(event)
    assert "will be retried" not in worker.log


def test_what_a_worker_returns_and_is_cancelled_is_counted_as_that(
    desk: Desk, run_worker: RunWorker, reader: RedisReader, asok: Callable[..., Ran]
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="0.1")
    job = desk.enqueue("sleep_in_c", "word")
    desk.reaches(job, "running")
    assert asok("job", "cancel", job.id, "--yes").code == 0
    worker.stop()
    assert desk.record(job).status == "cancelled"
    counted = figures_of(reader.tasks(HOUR), "sleep_in_c")
    assert (counted.started, counted.cancelled, counted.failed) == (1, 1, 0)


def test_an_envelope_with_a_bad_signature_counts_for_no_task(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    run_worker()
    forged = foreign_envelope(desk.job("pay", module="bank"))[:-10] + b'00000000"}'
    desk.client.lpush("asok:queue", forged)
    wait_until(
        lambda: desk.client.llen("asok:dlq") or desk.client.zcard("asok:delayed_tasks"), "it"
    )
    job = desk.enqueue("give", 1)
    desk.reaches(job, "completed")
    wait_for(reader, "give", completed=1)
    assert [row.name for row in reader.tasks(HOUR).rows] == [f"{TASKS}.give"]


def test_a_worker_runs_jobs_where_it_may_not_write_figures(
    desk: Desk, run_worker: RunWorker, reader: RedisReader
) -> None:
    name = desk.client.time()[0] // 86_400 * 86_400
    for day in (name, name + 86_400):
        desk.client.set(f"asok:tasks:{day}", "of another type", ex=600)
    run_worker()
    for n in range(3):
        desk.reaches(desk.enqueue("give", n), "completed")
    assert reader.tasks(HOUR).rows == ()


def test_attempts_whose_process_died_do_not_lower_the_size_of_a_job() -> None:
    assert Figures(started=3, failed=3, size=200, runs={40: 2}).mean_size == 100
    assert Figures(started=1, failed=1).mean_size is None
