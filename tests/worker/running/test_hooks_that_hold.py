"""Hooks and log handlers that do not return: no job runs twice for that, and it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from asok_core.backends.redis.consuming.orphaned_jobs import IN_DOUBT
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.supervising.test_hanging import LIMIT

HOOKED = "tests.worker.hooked_forever"
HOOKS = "hooks or log handlers of a job that has ended"


@pytest.mark.parametrize("task", ["search_after", "search_after_failure"])
def test_a_job_is_not_run_again_because_its_hook_holds_the_interpreter(
    desk: Desk, run_worker: RunWorker, task: str
) -> None:
    """Its outcome is not settled, as no other thread runs: a new process would run it again, forever."""
    worker = run_worker(ASOK_WORKER_LEASE=3, ASOK_WORKER_HANG_LIMIT=LIMIT)
    desk.enqueue(task, module=HOOKED)
    worker.wait_for_log(f"hangs: its other threads do not run; {HOOKS} may hold the interpreter\n")
    worker.wait_for_log(
        f"is not ended for it: its other threads do not run; {HOOKS} may hold the interpreter\n"
    )
    worker.wait_for_log("in report")
    assert desk.journal() == ["run"]
    assert "is ended" not in worker.log


def test_a_job_beside_such_a_hook_is_not_all_that_may_hold_the_interpreter(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("-c", "2", ASOK_WORKER_LEASE=3, ASOK_WORKER_HANG_LIMIT=LIMIT)
    beside = desk.enqueue("hold", "word")
    desk.wait_for_lines("begin word")
    desk.enqueue("search_after", module=HOOKED)
    worker.wait_for_log("one of these may hold the interpreter: job ")
    worker.wait_for_log("is not ended for it: ")
    (line,) = (each for each in worker.log.splitlines() if "is not ended for it: " in each)
    assert f"job {beside.id} (running for " in line
    assert line.endswith(f"), {HOOKS}")


def test_a_process_whose_threads_hooks_keep_is_shown_as_one_that_claims_no_jobs(
    desk: Desk, run_worker: RunWorker, status: Any
) -> None:
    worker = run_worker("-c", "2", "-p", "1")
    jobs = [desk.enqueue("wait_after", module=HOOKED) for _ in range(2)]
    for job in jobs:
        desk.reaches(job, "completed")
    later = desk.enqueue("note", "later")
    worker.wait_for_log(
        "claims no jobs: hooks or log handlers of jobs that have ended do not return"
    )
    worker.wait_for_log("in wait_for")
    shown = "not claiming: hooks or log handlers of jobs that have ended do not return"
    wait_until(lambda: shown in status()[1], "the reason")
    code, _, words = status("--require-workers", "1")
    assert code == 1
    assert "workers that run jobs: 0, at least 1 required" in words
    desk.release("let the hooks return")
    desk.reaches(later, "completed")
    worker.wait_for_log("claims jobs again: hooks have returned")
    wait_until(lambda: status("--require-workers", "1")[0] == 0, "a worker that runs jobs")
    assert worker.stop() == 0


def test_a_task_that_configures_logging_forever_costs_one_thread(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("-c", "2")
    desk.enqueue("configure_logging", module=HOOKED)
    desk.wait_for_lines("configuring")
    jobs = [desk.enqueue("fail", f"no luck {number}") for number in range(3)]
    for number, job in enumerate(jobs):
        desk.reaches(job, "failed")
        worker.wait_for_log(f"error='ValueError: no luck {number}'")


def test_a_job_that_kills_its_process_reaches_the_crash_limit_though_hooks_run_each_time(
    desk: Desk, run_worker: RunWorker
) -> None:
    """The process may have died of the hooks, so it takes longer. It did not come to an end."""
    worker = run_worker("-c", "2", ASOK_CRASH_LIMIT=1)
    poison = desk.enqueue("die_beside_a_hook", module=HOOKED)
    for times in range(1, IN_DOUBT + 1):
        desk.wait_for_lines(*("poison",) * times)
        assert desk.record(poison).status != "failed"
        job = desk.enqueue("be_settled_and_wait", module=HOOKED)
        desk.reaches(job, "completed")
        desk.release(job.id)
        worker.wait_for_log("died (exit code 9)", times)
    record = desk.reaches(poison, "failed")
    error = f"WorkerCrashed: the process died {IN_DOUBT} times while running this job"
    assert record.error_line == error
    worker.wait_for_log(f"error='{error}'")
    assert [dead_job.id for dead_job in desk.dead()] == [poison.id]
    assert desk.journal() == ["poison"] * IN_DOUBT
    assert not desk.client.keys("asok:crashes:*")
