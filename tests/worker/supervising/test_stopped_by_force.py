"""A worker that was stopping when it was killed: none of its jobs is charged with a crash."""

from __future__ import annotations

import os
import signal

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.jobs.job import Job
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import wait_until

LEASE = "3s"


def charges(desk: Desk) -> list[bytes]:
    return list(desk.client.scan_iter(match="asok:crashes:*"))


def heartbeat(desk: Desk, worker: Worker) -> bytes | None:
    """When a worker last sent a heartbeat, in Redis's words."""
    (key,) = desk.client.keys(f"asok:worker:*-{worker.process.pid}-*")
    found: bytes | None = desk.client.hget(key, "beat_at")
    return found


def stopping(desk: Desk, worker: Worker, *, by_order: bool = False) -> None:
    """Let a worker stop, and wait until it claims no more and has sent a heartbeat after that."""
    if by_order:
        (key,) = desk.client.keys(f"asok:worker:*-{worker.process.pid}-*")
        desk.client.hset(key, "wanted", "stop")
        desk.client.publish("asok:wake", b"order " + key.removeprefix(b"asok:worker:"))
    else:
        worker.signal(signal.SIGTERM)
    name = f"-{worker.process.pid}-"
    wait_until(
        lambda: (
            not any(
                name in each["name"] and "b" in each["flags"] for each in desk.client.client_list()
            )
        ),
        "the end of the idle wait",
    )
    last = heartbeat(desk, worker)
    wait_until(lambda: heartbeat(desk, worker) != last, "a heartbeat")


def held_by(desk: Desk, run_worker: RunWorker, job: Job, times: int, **settings: str) -> Worker:
    """A worker that runs the job, which it has begun for the nth time."""
    worker = run_worker("--concurrency", "2", **({"ASOK_WORKER_LEASE": LEASE} | settings))
    desk.wait_for_lines(*["begin job"] * times)
    desk.reaches(job, "running")
    return worker


@pytest.mark.parametrize("by_order", [False, True], ids=["SIGTERM", "asok worker stop"])
def test_a_job_outlives_any_number_of_workers_that_are_stopped_and_killed_before_it_ends(
    desk: Desk, run_worker: RunWorker, by_order: bool
) -> None:
    job = desk.enqueue("hold", "job")
    for times in range(1, 5):
        worker = held_by(desk, run_worker, job, times)
        stopping(desk, worker, by_order=by_order)
        worker.kill()
    desk.release("job")
    worker = run_worker(ASOK_WORKER_LEASE=LEASE)
    desk.reaches(job, "completed")
    assert charges(desk) == []
    assert desk.dead() == []
    assert worker.stop() == 0


def test_a_process_that_is_killed_while_its_worker_stops_charges_nothing(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "job")
    for times in range(1, 5):
        worker = held_by(desk, run_worker, job, times)
        process = worker.only_process()
        stopping(desk, worker)
        os.kill(process, signal.SIGKILL)
        assert worker.ends() == 0
        assert [each.id for each in desk.pending()] == [job.id]
    assert charges(desk) == []


def test_a_worker_that_was_not_stopping_is_still_charged(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("hold", "job")
    for times in range(1, 4):
        worker = held_by(desk, run_worker, job, times)
        worker.kill()
    run_worker(ASOK_WORKER_LEASE=LEASE)
    desk.reaches(job, "failed")
    assert len(desk.dead()) == 1


def test_the_stop_is_reported_as_soon_as_redis_is_back(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    desk = own_desk
    job = desk.enqueue("hold", "job")
    settings = {"ASOK_REDIS_URL": server.url, "ASOK_WORKER_LEASE": LEASE}
    worker = held_by(desk, run_worker, job, 1, ASOK_CRASH_LIMIT="1", **settings)
    server.stop()
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("waiting for it", times=2)
    server.start()
    before = heartbeat(desk, worker)
    wait_until(lambda: heartbeat(desk, worker) != before, "a heartbeat")
    worker.kill()
    again = run_worker(ASOK_CRASH_LIMIT=1, **settings)
    desk.wait_for_lines(*["begin job"] * 2)
    desk.release("job")
    desk.reaches(job, "completed")
    assert charges(desk) == []
    assert again.stop() == 0


def test_the_timeout_of_the_command_line_is_over_that_of_the_settings(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "job")
    worker = run_worker("--stop-timeout", "500ms", ASOK_WORKER_SHUTDOWN_TIMEOUT="600s")
    desk.wait_for_lines("begin job")
    assert worker.stop() == 0
    worker.wait_for_log("stops within 0.5 s (SIGTERM)")
    worker.wait_for_log("still ran after 0.5 s")
    assert [each.id for each in desk.pending()] == [job.id]


def test_a_process_ends_with_its_last_outcome(desk: Desk, run_worker: RunWorker) -> None:
    """Were each to sleep its five seconds first, fourteen took longer than this test waits."""
    jobs = [desk.enqueue("pid") for _ in range(14)]
    worker = run_worker("--max-jobs", "1")
    for job in jobs:
        desk.reaches(job, "completed")
    assert len(set(desk.journal())) == 14
    assert worker.stop() == 0
