"""Successors that are started before a process retires (``--max-jobs``), and wait without a slot."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple

import pytest

from asok_core.operations.inspector import open_operator
from asok_core.worker.running.max_jobs import AHEAD, WINDOW, JobQuota
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import family, wait_until
from tests.worker.supervising.test_retiring import has_slots, slots


class Pair(NamedTuple):
    """A worker of one slot, its process, which has two jobs left, and the standby of that."""

    worker: Worker
    process: int
    standby: int
    name: str


@pytest.fixture
def pair(desk: Desk, run_worker: RunWorker) -> Pair:
    worker = run_worker("--concurrency", "1", "--max-jobs", "4", ASOK_WORKER_LEASE="2s")
    first = worker.only_process()
    for job in [desk.enqueue("pid") for _ in range(2)]:
        desk.reaches(job, "completed")
    has_slots(desk, p1=1, p2=0)
    wait_until(lambda: len(worker.processes()) == 2, "a second process")
    (standby,) = {*worker.processes()} - {first}
    (name,) = desk.client.zrange(desk.keys.workers, 0, -1)
    return Pair(worker, first, standby, name.decode())


def pids(desk: Desk) -> list[int]:
    """The processes of the jobs that have run, in order."""
    return [int(line) for line in desk.journal() if line.isdigit()]


def test_a_standby_takes_over_when_its_predecessor_retires(desk: Desk, pair: Pair) -> None:
    for job in [desk.enqueue("pid") for _ in range(3)]:
        desk.reaches(job, "completed")
    assert pids(desk) == [pair.process] * 4 + [pair.standby]
    wait_until(lambda: pair.process not in pair.worker.processes(), "the end of the first process")
    wait_until(lambda: slots(desk) in ({2: 1, 1: 0}, {2: 1, 3: 0}), "a standby of the standby")
    assert pair.worker.stop() == 0
    assert not desk.client.exists(desk.keys.workers)


def test_a_standby_that_dies_is_replaced_when_its_predecessor_retires(
    desk: Desk, pair: Pair
) -> None:
    os.kill(pair.standby, signal.SIGKILL)
    pair.worker.wait_for_log("ended before it was needed (killed by SIGKILL)")
    has_slots(desk, p1=1)
    assert pair.worker.processes() == [pair.process]
    assert desk.client.hget(desk.keys.worker(pair.name), "able") == b"1"
    for job in [desk.enqueue("pid") for _ in range(3)]:
        desk.reaches(job, "completed")
    assert pids(desk)[:4] == [pair.process] * 4
    assert pids(desk)[4] not in (pair.process, pair.standby)
    assert "Recovered" not in pair.worker.log


def test_a_standby_takes_over_when_its_predecessor_dies(desk: Desk, pair: Pair) -> None:
    job = desk.enqueue("hold", "one")
    desk.wait_for_lines("begin one")
    os.kill(pair.process, signal.SIGKILL)
    desk.wait_for_lines(*["begin one"] * 2)
    wait_until(lambda: (desk.record(job).worker or "").endswith(".2"), "the job in the standby")
    wait_until(lambda: sum(slots(desk).values()) == 1, "one slot")
    desk.release("one")
    desk.reaches(job, "completed")
    assert pair.standby in pair.worker.processes()
    assert desk.counted("completed") == 3
    assert desk.client.hget(desk.keys.worker(pair.name), "able") == b"1"


def test_a_standby_obeys_before_and_after_it_takes_over(desk: Desk, pair: Pair) -> None:
    operator = open_operator(desk.settings)
    operator.quiet(pair.name)
    pair.worker.wait_for_log("Worker quieted")
    os.kill(pair.process, signal.SIGKILL)
    wait_until(lambda: slots(desk).get(2) == 1, "the slot of the predecessor")
    late = desk.enqueue("pid")
    has_slots(desk, p2=1)
    assert desk.record(late).status == "pending"
    operator.resume_worker(pair.name)
    desk.reaches(late, "completed")
    assert pids(desk)[-1] == pair.standby
    operator.close()


def test_a_stop_ends_a_standby_too(desk: Desk, pair: Pair) -> None:
    desk.enqueue("hold", "one")
    desk.wait_for_lines("begin one")
    pair.worker.signal(signal.SIGTERM)
    wait_until(lambda: pair.standby not in pair.worker.processes(), "the end of the standby")
    assert pair.worker.process.poll() is None
    desk.release("one")
    assert pair.worker.ends() == 0
    assert desk.counted("completed") == 3
    assert not desk.client.exists(desk.keys.workers)


def test_a_standby_ends_when_its_supervisor_is_killed(
    desk: Desk, pair: Pair, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "one")
    desk.wait_for_lines("begin one")
    os.kill(pair.worker.process.pid, signal.SIGKILL)
    wait_until(lambda: pair.standby not in family(pair.worker.name), "the end of the standby")
    # The lease is not renewed: the job is returned, or recovered by another worker.
    run_worker("--concurrency", "1")
    wait_until(lambda: pair.process not in family(pair.worker.name), "the end of the process")
    desk.release("one")
    desk.reaches(job, "completed")
    assert desk.active() == []


def test_a_worker_that_is_killed_with_a_standby_is_recovered_whole(
    desk: Desk, pair: Pair, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "one")
    desk.wait_for_lines("begin one")
    pair.worker.kill()
    other = run_worker("--concurrency", "1")
    desk.wait_for_lines(*["begin one"] * 2)
    desk.release("one")
    desk.reaches(job, "completed")
    other.wait_for_log("Recovered 1 jobs of worker")


class Ticks:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_is_nearly_used_up_when_its_rate_says_so() -> None:
    clock = Ticks()
    quota = JobQuota(100, clock)
    assert not quota.nearly_used_up(0)
    # One job a second: as many as run in AHEAD are left at the end.
    ends = int(100 - AHEAD)
    for done in range(1, ends):
        clock.now += 1.0
        quota.done = done
        assert not quota.nearly_used_up(0), done
    clock.now += 1.0
    quota.done = ends
    assert quota.nearly_used_up(0)


def test_a_quota_counts_what_is_held_and_no_old_burst() -> None:
    clock = Ticks()
    quota = JobQuota(100, clock)
    quota.done = 10
    clock.now += 0.1
    assert not quota.nearly_used_up(0)
    # Claimed at once: the rate of the window, and not that of the instant.
    assert quota.nearly_used_up(10)
    clock.now += WINDOW
    assert not quota.nearly_used_up(10)
    assert quota.left(10) == 80


def test_without_a_limit_nothing_is_ever_used_up() -> None:
    quota = JobQuota(None)
    quota.done = 10**6
    assert not quota.used_up
    assert not quota.nearly_used_up(10)
    assert quota.left(10) == float("inf")
