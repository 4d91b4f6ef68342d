"""The history of jobs that a real worker ran: requeued by an operator, and killed with their processes."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from asok_core.backends.roles import Scope
from asok_core.inspection.history import JobEvent, history_of
from asok_core.inspection.job_detail import Attempt, JobDetail
from asok_core.inspection.job_events import JobEventKind
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until


def history(desk: Desk, job: Job) -> tuple[JobEvent, ...]:
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    return history_of(detail, detail.read_at)


def reported(desk: Desk, job: Job) -> list[str]:
    return [each.what for each in history(desk, job)]


def test_a_job_that_fails_again_after_a_requeue_has_one_ordered_list(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    job = desk.enqueue("fail", retries=1, backoff=0, enqueued_at=time.time())
    first = ["enqueued", "retried", "failed"]
    wait_until(lambda: reported(desk, job) == first, "two attempts")
    attempt = history(desk, job)[1]
    waited = (attempt.at or 0.0) - (job.enqueued_at or 0.0)
    assert attempt.waited == pytest.approx(waited, abs=1e-5), "its envelope is that of the retry"
    with closing(open_operator(desk.settings)) as operator:
        assert operator.requeue(Scope(Location.DEAD)).applied == 1
    wait_until(lambda: reported(desk, job) == [*first, "requeued", "retried", "failed"], "two more")
    found = history(desk, job)
    times = [each.at or 0.0 for each in found]
    assert times == sorted(times)
    requeued, again = found[3], found[4]
    assert requeued.at is not None
    assert again.at is not None
    assert again.waited == pytest.approx(again.at - requeued.at, abs=1e-5), "not since it died"


def test_the_first_attempt_of_a_delayed_job_that_is_retried_waited_since_it_was_due(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    now = time.time()
    job = desk.enqueue("fail", retries=1, backoff=0, enqueued_at=now, due_at=now + 0.5)
    wait_until(lambda: reported(desk, job)[-1] == "failed", "two attempts")
    attempt = history(desk, job)[1]
    since_due = (attempt.at or 0.0) - (job.due_at or 0.0)
    assert attempt.waited == pytest.approx(since_due, abs=1e-5)
    # Of an attempt that another release recorded, it is not known.
    key = f"asok:job:{job.id}"
    lines = [json.loads(line)[:5] for line in desk.client.hget(key, "attempts").splitlines()]
    desk.client.hset(key, "attempts", "\n".join(map(json.dumps, lines)))
    assert [each.waited for each in history(desk, job)][1] is None


def test_only_of_the_first_attempt_the_worker_knows_how_long_it_waited() -> None:
    """What it writes begins when the job was first enqueued, also where a program queued it again."""
    attempts = (Attempt(10.0, 1.0, "fail", waited=4.0), Attempt(50.0, 1.0, "fail", waited=44.0))
    events = history_of(JobDetail("job", None, attempts=attempts), 60.0)
    waited = [each.waited for each in events if each.what == JobEventKind.FAILED]
    assert waited == [4.0, None]


def test_a_job_that_killed_its_processes_reports_each(desk: Desk, run_worker: RunWorker) -> None:
    run_worker()
    poison = desk.enqueue("die", "poison", retries=5)
    desk.reaches(poison, "failed")
    wait_until(
        lambda: reported(desk, poison)[-1] == "died",
        lambda: f"the dead job: {history(desk, poison)}",
    )
    found = history(desk, poison)
    assert [each.what for each in found] == ["enqueued", "crashed", "crashed", "crashed", "died"]
    assert "the process died 3 times" in found[-1].error
    times = [each.at or 0.0 for each in found]
    assert times == sorted(times)

    # The same where the supervisor's copy of Redis's clock was a second behind.
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(poison.id)
    assert detail is not None
    *before, last = detail.moves
    detail = detail._replace(moves=(*before, last._replace(at=(last.at or 0.0) + 1)))
    assert [each.what for each in history_of(detail, detail.read_at)] == [
        each.what for each in found
    ]


def test_a_job_that_a_stopping_worker_returned_shows_how_long_it_ran(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="100ms")
    job = desk.enqueue("hold", "never")
    desk.reaches(job, "running")
    running = history(desk, job)[-1]
    assert worker.stop() == 0
    enqueued, returned, waiting = history(desk, job)
    assert [enqueued.what, returned.what, waiting.what] == ["enqueued", "returned", "waiting"]
    assert running.ran is not None
    assert returned.ran is not None
    assert returned.ran >= running.ran > 0, "as long as it was seen to run, at least"
    assert returned.at is not None
    assert waiting.waited is not None
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    again = history_of(detail, detail.read_at)[-1].waited
    assert again == pytest.approx(detail.read_at - returned.at - returned.ran, abs=1e-5), (
        "since its return"
    )


def test_a_job_without_an_operators_moves_has_no_list_of_them(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    well, flaky = desk.enqueue("give", 1), desk.enqueue("fail", retries=1, backoff=0)
    for job, status in ((well, "completed"), (flaky, "failed")):
        desk.reaches(job, status)
        assert not desk.client.hexists(f"asok:job:{job.id}", "moves")
    assert reported(desk, well) == ["enqueued", "completed"]
