"""Supervisors with many jobs, or large ones, that come due at the same time."""

from __future__ import annotations

from pathlib import Path

from asok_core.jobs.envelope import seal
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

LARGE = 900_000


def peak_memory(pid: int) -> int:
    """The most bytes that a process has had in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no peak is known of this process")


def test_a_supervisor_does_not_grow_with_the_jobs_that_it_promotes(
    desk: Desk, run_worker: RunWorker
) -> None:
    for number in range(120):
        job = desk.job("measure", "x" * LARGE, queue="unserved")
        desk.client.zadd(desk.keys.delayed, {seal(job, KEYRING): number})
    worker = run_worker()
    wait_until(lambda: desk.client.llen(desk.keys.queue("unserved")) == 120, "every job")
    assert peak_memory(worker.process.pid) < 120_000_000
    assert worker.stop() == 0


def test_nor_with_the_jobs_that_it_recovers(desk: Desk, run_worker: RunWorker) -> None:
    for _ in range(120):
        job = desk.job("measure", "x" * LARGE, queue="unserved")
        desk.client.lpush("asok:active:gone-1-ab.1:unserved", seal(job, KEYRING))
    worker = run_worker(ASOK_WORKER_LEASE="3s")
    wait_until(lambda: desk.client.llen(desk.keys.queue("unserved")) == 120, "every job")
    assert peak_memory(worker.process.pid) < 120_000_000
    assert worker.stop() == 0


def test_supervisors_do_not_promote_the_same_jobs(desk: Desk, run_worker: RunWorker) -> None:
    workers = [run_worker("--queues", "other") for _ in range(3)]
    desk.idle(3)
    jobs = [desk.job("note", f"{number}") for number in range(4000)]
    desk.client.config_resetstat()
    desk.client.zadd(desk.keys.delayed, {seal(job, KEYRING): n for n, job in enumerate(jobs)})
    # All of them wake at once, as they do for each job with a time.
    desk.client.publish(desk.keys.wake, "due 0")
    wait_until(lambda: desk.client.llen(desk.keys.queue("default")) == 4000, "every job")
    # Each job is looked at by the one that moves it only; leases are looked at as well.
    assert desk.client.info("commandstats")["cmdstat_zscore"]["calls"] < 6000
    assert [payload.id for payload in desk.pending()] == [job.id for job in jobs]
    for worker in workers:
        assert worker.stop() == 0
