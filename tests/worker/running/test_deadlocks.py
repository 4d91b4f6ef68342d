"""Tasks that wait for jobs which no slot is left to run: an error, and never a false one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from asok_core.backends.redis.producing.deadlocks import WaitReport, stuck
from asok_core.jobs.job import Job
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

WAITERS = "tests.worker.waiters"
LONGER = 12.0
"""Seconds within which a deadlock would have been found, at the latest."""


def parent(desk: Desk, *args: str, **options: object) -> Job:
    return desk.enqueue("parent", *args, module=WAITERS, **options)


def still_waits(desk: Desk, *jobs: Job) -> None:
    """Look for longer than it takes to find a deadlock."""
    end = time.monotonic() + LONGER
    while time.monotonic() < end:
        for job in jobs:
            assert desk.record(job).status in ("pending", "running"), desk.record(job).error
        time.sleep(0.2)


def test_the_only_slot_waits_for_a_job_of_its_queue(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    job = parent(desk)
    record = desk.reaches(job, "failed")
    assert record.error_line is not None
    assert record.error_line.startswith("Deadlock: job ")
    assert "every slot of the workers that serve queue default" in record.error_line
    assert "more concurrency" in record.error_line
    wait_until(lambda: desk.counted("completed") == 1, "the end of the other job")
    assert "which may be a deadlock" not in worker.log
    wait_until(lambda: not desk.client.hlen("asok:waits"), "no process to report a wait")


@pytest.mark.parametrize("task", ["parent_of_a_later_one", "nested"])
def test_so_does_one_that_waits_for_a_later_job_or_through_another(
    desk: Desk, run_worker: RunWorker, task: str
) -> None:
    run_worker("--concurrency", "2" if task == "nested" else "1")
    args = (2,) if task == "nested" else ()
    record = desk.reaches(desk.enqueue(task, *args, module=WAITERS), "failed")
    assert "Deadlock: job " in (record.error or "")
    desk.client.delete("asok:delayed_tasks")


def test_all_processes_and_all_workers_wait(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    run_worker("--processes", "2")
    run_worker()
    gate = tmp_path / "gate"
    jobs = [
        desk.enqueue("parent_once_open", str(gate), str(number), module=WAITERS)
        for number in range(3)
    ]
    # Before there is another job: a process that has just started may try the newest job first.
    desk.wait_for_lines(*(f"begin {number}" for number in range(3)))
    gate.touch()

    def ended() -> bool:
        return all(desk.record(job).finished for job in jobs)

    wait_until(ended, "the end of all")
    ends = [desk.record(job) for job in jobs]
    assert any("Deadlock" in (each.error_line or "") for each in ends)
    assert all(each.status == "completed" or "Deadlock" in (each.error_line or "") for each in ends)
    wait_until(lambda: desk.counted("completed") >= 3, "the end of the other jobs")


def test_a_slot_to_spare_runs_what_is_waited_for(desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--concurrency", "2")
    assert desk.reaches(parent(desk), "completed").result == '"a result"'
    assert desk.reaches(desk.enqueue("nested", 1, module=WAITERS), "completed").result == "1"


@pytest.mark.parametrize("other", ["process", "worker", "slot"])
def test_as_long_as_another_may_come_free_nothing_is_raised(
    desk: Desk, run_worker: RunWorker, other: str
) -> None:
    options = {"process": ("--processes", "2"), "slot": ("--concurrency", "2")}.get(other, ())
    worker = run_worker(*options)
    if other == "worker":
        run_worker()
    busy = desk.enqueue("hold", "busy")
    desk.reaches(busy, "running")
    job = parent(desk)
    desk.wait_for_lines("wait ")
    still_waits(desk, job)
    assert "which may be a deadlock" not in worker.log
    desk.release("busy")
    assert desk.reaches(job, "completed").result == '"a result"'


def test_a_job_that_runs_elsewhere_is_waited_for(desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--queues", "first,default")
    job = desk.enqueue("parent_of_held", "word", module=WAITERS, queue="first")
    helper = run_worker("--queues", "default")
    desk.wait_for_lines("begin word")
    # The worker that runs it serves the queue no longer as far as Redis knows.
    helper_id = next(
        key.decode().removeprefix("asok:worker:")
        for key in desk.client.scan_iter(match="asok:worker:*")
        if desk.client.hget(key, "queues") == b"default"
    )
    assert helper.process.poll() is None
    assert desk.client.hset(f"asok:worker:{helper_id}", "queues", "none") == 0
    still_waits(desk, job)
    desk.release("word")
    desk.reaches(job, "completed")


def test_a_queue_without_a_worker_is_warned_of_once(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    job = parent(desk, "unserved")
    worker.wait_for_log(
        "Every slot of this process waits for a job of queue unserved, which may be a deadlock"
    )
    still_waits(desk, job)
    assert worker.log.count("which may be a deadlock") == 1
    run_worker("--queues", "unserved")
    assert desk.reaches(job, "completed").result == '"a result"'


@pytest.mark.parametrize("task", ["awaits", "waits"])
def test_a_wait_that_may_have_an_end_is_warned_of(
    desk: Desk, run_worker: RunWorker, task: str
) -> None:
    worker = run_worker()
    job = desk.enqueue(task, module=WAITERS)
    worker.wait_for_log(
        "Every slot of this process waits for a job of queue default, which may be a deadlock"
    )
    assert desk.record(job).status == "running"
    run_worker()
    assert desk.reaches(job, "completed").result == '"a result"'


ONE = {"a": (frozenset({"q"}), [1])}
TWO = {"a": (frozenset({"q"}), [1]), "b": (frozenset({"q", "r"}), [1, 2])}


class TestRule:
    """Which processes are stuck, by what all of them said."""

    @staticmethod
    def mark(*queues: str, jobs: str = "", elsewhere: str = "") -> WaitReport:
        return WaitReport(1.0, frozenset(jobs), frozenset(queues), frozenset(elsewhere))

    def test_one_process_alone(self) -> None:
        assert stuck({"a.1": self.mark("q")}, ONE) == {"a.1"}
        assert stuck({}, ONE) == set()
        assert stuck({"a.1": self.mark("q")}, {}) == set()

    def test_a_queue_without_a_worker_waits_for_one(self) -> None:
        assert stuck({"a.1": self.mark("q", "r")}, ONE) == set()

    def test_each_process_of_each_worker_of_the_queue_counts(self) -> None:
        marks = {"a.1": self.mark("q"), "b.1": self.mark("q"), "b.2": self.mark("r")}
        assert stuck(marks, TWO) == set(marks)
        for name in marks:
            left = {each: mark for each, mark in marks.items() if each != name}
            assert "a.1" not in stuck(left, TWO)

    def test_a_process_that_will_continue_frees_the_others(self) -> None:
        third = TWO | {"c": (frozenset({"s"}), [1])}
        marks = {"a.1": self.mark("q"), "b.1": self.mark("q"), "b.2": self.mark("s")}
        assert stuck(marks, third) == set()

    def test_a_job_in_another_slot_counts_as_long_as_that_is_stuck(self) -> None:
        marks = {
            "a.1": self.mark(jobs="x", elsewhere="y"),
            "b.1": self.mark("q", jobs="y"),
            "b.2": self.mark("r", jobs="z"),
        }
        assert stuck(marks, TWO) == set(marks)
        assert stuck(marks | {"a.1": self.mark(jobs="x", elsewhere="w")}, TWO) == set()
