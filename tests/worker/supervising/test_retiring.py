"""Processes that retire while their jobs run: their successors have the slots that become free."""

from __future__ import annotations

import os
import signal

import pytest

from asok_core.operations.inspector import open_operator
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

WAITERS = "tests.worker.waiters"


def slots(desk: Desk) -> dict[int, int]:
    """Numbers of the processes of the one worker that there is, and the slots of each."""
    (name,) = desk.client.zrange(desk.keys.workers, 0, -1)
    said = desk.client.hget(desk.keys.worker(name.decode()), "slots").decode()
    return {int(n): int(of) for n, of in (each.split(":") for each in said.split(","))}


def has_slots(desk: Desk, **expected: int) -> None:
    """Wait until each process ``pN`` has this number of slots, as the heartbeat says."""
    numbers = {int(name[1:]): number for name, number in expected.items()}
    wait_until(lambda: slots(desk) == numbers, f"slots {numbers}")


def peak(desk: Desk) -> int:
    """How many jobs ran at once at most, of those that say when they begin and end."""
    running = most = 0
    for line in desk.journal():
        running += 1 if line.startswith("begin") else -1
        most = max(most, running)
    return most


def test_short_jobs_do_not_wait_for_the_longest_of_a_process_that_retires(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", "--max-jobs", "3")
    first = worker.only_process()
    long = desk.enqueue("hold", "long")
    desk.wait_for_lines("begin long")
    jobs = [desk.enqueue("pid") for _ in range(12)]
    for job in jobs:
        desk.reaches(job, "completed")
    assert desk.record(long).status == "running"
    pids = [line for line in desk.journal() if line.isdigit()]
    assert pids.count(str(first)) == 2
    assert max(map(pids.count, pids)) <= 3
    desk.release("long")
    desk.reaches(long, "completed")
    wait_until(lambda: first not in worker.processes(), "the end of the first process")
    wait_until(lambda: sorted(slots(desk).values()) in ([2], [0, 2]), "two slots of one process")
    assert "died" not in worker.log
    assert worker.stop() == 0


@pytest.mark.parametrize("most", ["1", "4"])
def test_no_more_jobs_run_at_once_than_slots_were_configured(
    desk: Desk, run_worker: RunWorker, most: str
) -> None:
    words = [f"job {number}" for number in range(9)]
    jobs = [desk.enqueue("hold", word) for word in words]
    worker = run_worker("--concurrency", "3", "--max-jobs", most, ASOK_WORKER_LEASE="2s")
    for at, word in enumerate(words):
        desk.wait_for_lines(*(f"begin {each}" for each in words[: at + 3]))
        wait_until(lambda: sum(slots(desk).values()) == 3, "three slots")
        desk.release(word)
    for job in jobs:
        desk.reaches(job, "completed")
    assert peak(desk) == 3
    assert len(desk.journal()) == 18
    assert worker.stop() == 0


def test_jobs_of_several_queues_that_come_at_once_share_the_slots_that_are_left(
    desk: Desk, run_worker: RunWorker
) -> None:
    words = ("one", "two", "three", "four")
    jobs = [desk.enqueue("hold", "one")]
    run_worker("--concurrency", "2", "--max-jobs", "1", "--queues", "high,default,low")
    desk.wait_for_lines("begin one")
    has_slots(desk, p1=1, p2=1)
    # The successor waits for jobs of three queues.
    desk.idle(workers=1, held=1)
    late = [
        desk.job("hold", word, queue=queue)
        for word, queue in zip(words[1:], ("high", "default", "low"), strict=True)
    ]
    assert desk.producer.enqueue(late) == [True] * 3
    for at, word in enumerate(words):
        desk.wait_for_lines(*(f"begin {each}" for each in words[: at + 2]))
        desk.release(word)
    for job in jobs + late:
        desk.reaches(job, "completed")
    assert peak(desk) == 2
    assert desk.counted("completed", "high") == 1


def test_a_worker_that_is_killed_with_two_generations_is_recovered_whole(
    desk: Desk, run_worker: RunWorker
) -> None:
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    worker = run_worker("--concurrency", "2", "--max-jobs", "1")
    desk.wait_for_lines("begin one", "begin two")
    worker.kill()
    other = run_worker("--concurrency", "2")
    desk.wait_for_lines(*["begin one", "begin two"] * 2)
    for word in ("one", "two"):
        desk.release(word)
    for job in jobs:
        desk.reaches(job, "completed")
    other.wait_for_log("Recovered 2 jobs of worker")
    assert desk.active() == []
    assert desk.counted("completed") == 2


def test_a_stop_returns_the_jobs_of_every_generation_uncharged(
    desk: Desk, run_worker: RunWorker
) -> None:
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    worker = run_worker(
        "--concurrency", "2", "--max-jobs", "1", ASOK_WORKER_SHUTDOWN_TIMEOUT="200ms"
    )
    desk.wait_for_lines("begin one", "begin two")
    assert worker.stop() == 0
    assert {each.id for each in desk.pending()} == {job.id for job in jobs}
    assert desk.active() == []
    assert not desk.client.keys("asok:crashes:*")
    assert not desk.client.exists("asok:workers")


def test_orders_reach_every_generation(desk: Desk, run_worker: RunWorker) -> None:
    desk.enqueue("hold", "one")
    worker = run_worker("--concurrency", "2", "--max-jobs", "2", ASOK_WORKER_LEASE="2s")
    desk.wait_for_lines("begin one")
    desk.enqueue("note", "two")
    desk.wait_for_lines("two")
    has_slots(desk, p1=1, p2=1)
    (name,) = desk.client.zrange(desk.keys.workers, 0, -1)
    operator = open_operator(desk.settings)
    operator.quiet(name.decode())
    worker.wait_for_log("Worker quieted")
    late = desk.enqueue("note", "late")
    # A process that begins later is quiet as well.
    first, second = worker.processes()
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: len({*worker.processes()} - {first, second}) == 1, "another successor")
    assert desk.record(late).status == "pending"
    desk.release("one")
    desk.wait_for_lines("end one")
    wait_until(lambda: slots(desk) == {2: 2}, "the whole of its slots")
    assert "late" not in desk.journal()
    operator.resume_worker(name.decode())
    desk.reaches(late, "completed")
    operator.close()


def test_a_process_that_dies_while_it_retires_has_its_jobs_recovered(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", "--max-jobs", "2")
    first = worker.only_process()
    job = desk.enqueue("hold", "one")
    desk.wait_for_lines("begin one")
    desk.enqueue("note", "two")
    desk.wait_for_lines("two")
    has_slots(desk, p1=1, p2=1)
    os.kill(first, signal.SIGKILL)
    # By the successor, which has its slot now.
    desk.wait_for_lines(*["begin one"] * 2)
    desk.release("one")
    desk.reaches(job, "completed")
    assert desk.counted("completed") == 2
    worker.wait_for_log("Recovered 1 jobs of process")
    wait_until(lambda: slots(desk).get(1, 0) == 0, "no slot of the process that died")


def test_a_job_of_a_process_that_retires_may_wait_for_one_of_its_successor(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("parent", "default", module=WAITERS)
    run_worker("--concurrency", "2", "--max-jobs", "1")
    desk.reaches(job, "completed")


def test_a_deadlock_over_two_generations_is_found(desk: Desk, run_worker: RunWorker) -> None:
    jobs = [desk.enqueue("parent", "default", module=WAITERS) for _ in range(2)]
    run_worker("--concurrency", "2", "--max-jobs", "1")
    wait_until(lambda: any(desk.record(job).finished for job in jobs), "the end of a wait")
    failed = [desk.record(job) for job in jobs if desk.record(job).status == "failed"]
    assert len(failed) == 1
    assert "Deadlock" in (failed[0].error or "")
