"""Limits that tasks declare, as workers enforce them."""

from __future__ import annotations

from collections import Counter

from asok_core.backends.redis.keys import Keys
from asok_core.jobs.declared_limits import DeclaredLimit
from asok_core.jobs.job import LIMIT
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

KEYS = Keys()


def test_no_more_jobs_run_at_once_than_a_limit_allows_also_after_a_death(
    desk: Desk, run_worker: RunWorker
) -> None:
    extra = {LIMIT: DeclaredLimit("2 at once").sent}
    worker = run_worker("--queues", "default", "--concurrency", "4", "--processes", "2")
    desk.idle()
    words = [f"job-{at}" for at in range(5)]
    jobs = [desk.enqueue("hold", word, extra=extra) for word in words]
    other = desk.enqueue("note", "other")
    desk.reaches(other, "completed")

    def begun() -> list[str]:
        return [line.removeprefix("begin ") for line in desk.journal() if "begin" in line]

    wait_until(lambda: len(begun()) == 2, "two jobs")
    for job in jobs[2:]:
        desk.reaches(job, "held")
    assert sorted(begun()) == words[:2]

    worker.kill()
    run_worker("--queues", "default", "--concurrency", "4")
    for at, job in enumerate(jobs):
        desk.release(words[at])
        desk.reaches(job, "completed")
        starts = Counter(begun())
        assert len(starts) <= at + 3, "the next begins when one has ended"
    wait_until(lambda: not desk.client.exists(KEYS.limits), "the end of the last")
    assert not list(desk.client.keys("asok:limit*"))
