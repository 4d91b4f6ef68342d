"""Workers as their leases show them."""

from __future__ import annotations

import signal

from asok_core.jobs.job import Job
from tests.fixtures.worker import Desk, RunWorker, Worker

LEASE = "6s"


def leases(desk: Desk) -> dict[bytes, float]:
    return dict(desk.client.zrange(desk.keys.workers, 0, -1, withscores=True))


def differs(desk: Desk, name: str, former: float | None) -> bool:
    return leases(desk).get(name.encode()) != former


def now(desk: Desk) -> float:
    seconds, micros = desk.client.time()
    return float(seconds * 1000 + micros / 1000)


def name_of(desk: Desk, worker: Worker) -> str:
    mark = f"-{worker.process.pid}-".encode()
    (found,) = [each for each in leases(desk) if mark in each]
    return found.decode()


def kill_elsewhere(desk: Desk, worker: Worker) -> None:
    """Kill a worker as if it was on another host: the others see its lease alone."""
    name = name_of(desk, worker)
    # It must send no further heartbeat, which would show where it is.
    worker.signal(signal.SIGSTOP, to_all=True)
    for key in desk.client.keys("asok:place:*"):
        desk.client.srem(key, name)
    worker.kill()


def busy(desk: Desk, run_worker: RunWorker, word: str, **settings: object) -> tuple[Worker, Job]:
    """A worker that holds a job of a queue of its own."""
    worker = run_worker("--queues", f"of-{word}", **settings)
    job = desk.enqueue("hold", word, queue=f"of-{word}")
    desk.wait_for_lines(f"begin {word}")
    desk.reaches(job, "running")
    return worker, job
