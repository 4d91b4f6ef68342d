"""Nothing that a task does to logging or to threads hides how later jobs end."""

from __future__ import annotations

import pytest

from tests.fixtures.worker import Desk, RunWorker

SILENCING = "tests.worker.silencing"
KINDS = ("dictConfig", "disable", "handlers", "null", "level", "stderr", "factory")


@pytest.mark.parametrize("how", KINDS)
def test_later_failures_and_timeouts_are_logged(
    desk: Desk, run_worker: RunWorker, how: str
) -> None:
    worker = run_worker()
    desk.reaches(desk.enqueue("silence", how, module=SILENCING), "completed")
    desk.reaches(desk.enqueue("fail", "no luck"), "failed")
    worker.wait_for_log(
        "ERROR   Job failed  task=tests.worker.jobs.fail error='ValueError: no luck'"
    )
    desk.reaches(desk.enqueue("loop_forever", timeout=0.2), "failed")
    worker.wait_for_log(
        "Job failed  task=tests.worker.jobs.loop_forever error='JobTimeout: it ran longer"
    )
    assert worker.log.count("Job failed") == 2
    assert worker.stop() == 0


def test_where_no_thread_can_watch_its_time_limit_a_job_is_postponed_and_not_blamed(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    desk.reaches(desk.enqueue("note", "this process runs jobs"), "completed")
    desk.reaches(desk.enqueue("refuse_threads", module=SILENCING), "completed")
    job = desk.enqueue("loop_forever", timeout=0.2)
    # By a process that can: it ends by its limit there, with the only attempt that it has.
    assert "JobTimeout: it ran longer than its timeout" in (desk.reaches(job, "failed").error or "")
    worker.wait_for_log("Attempt postponed")
    assert desk.counted("failed") == 1


def test_time_limits_hold_on_a_thread_that_has_failed_to_start_another(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "1")
    for _ in range(2):
        desk.reaches(desk.enqueue("fail_to_start_a_thread", module=SILENCING), "completed")
        job = desk.enqueue("loop_forever", timeout=0.2)
        assert "JobTimeout: it ran longer than its timeout" in (
            desk.reaches(job, "failed").error or ""
        )
    assert desk.journal() == ["can't start new thread", "begin"] * 2
    assert "hard limit" not in worker.log
    assert worker.stop() == 0
