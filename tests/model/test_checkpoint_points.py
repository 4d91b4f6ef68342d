"""A job resumes from what was done, wherever the connection of its process is cut or that dies."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from typing import Any

from asok_core import current_job, resumable
from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.checkpoints import read_checkpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import JobStart, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.errors import Unreachable
from asok_core.jobs.checkpoint import JobCheckpoint, encoded
from asok_core.jobs.job import Job
from asok_core.worker.config import WorkerConfig
from asok_core.worker.running.process import Process
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.model.crash_points import KEYRING, CrashBench, reported_with_every_cut
from tests.model.cutter import Cutter
from tests.programs import wait_until

STEPS = 6
BEGAN = 1700000000.0
done: list[int] = []
drains: list[int] = []
"""The pipe by which the third step has its process drained, once."""


def step_through() -> None:
    for number in resumable(range(STEPS)):
        done.append(number)
        current_job().progress(number)
        if number == 2 and drains:
            os.write(drains.pop(), b"drain\n")
            wait_until(_is_interrupted, "the order to drain", interval=0.005)


def _is_interrupted() -> bool:
    reports: Any = current_job()._reports
    return bool(reports.interrupts)


def _heartbeat(bench: CrashBench) -> None:
    with closing(Registry(Endpoint(bench.server.url), Keys())) as registry:
        registry.heartbeat("w", ("default",), {"queues": "default", "processes": 2})


def _works(bench: CrashBench, url: str, name: str, orders: int) -> None:
    """Run a process of a worker until it has drained, or completed a job."""
    config = WorkerConfig(bench.settings(url), "w", ("default",), concurrency=1, max_jobs=1)
    with tempfile.TemporaryFile() as file:
        process = Process(
            config,
            name,
            SharedState(file, 1),
            Alarm(orders),
            slots=1,
            notify_supervisor=lambda: None,
        )
        process.run()
        process._dispatcher._threads.end()
        process._consumer.close()
        process._blocked.close()


def test_a_drained_process_whose_connection_is_cut_repeats_nothing(bench: CrashBench) -> None:
    job = Job("steps", __name__, "step_through", ())

    def prepare() -> None:
        done.clear()
        bench.enqueue(job)

    def story(cutter: Cutter) -> None:
        _heartbeat(bench)
        for name, url in (("w.1", cutter.url), ("w.2", bench.server.url)):
            read, write = os.pipe()
            drains[:] = [write] if name == "w.1" else []
            _works(bench, url, name, read)
            os.close(write)
            cutter.deliver()
            if name == "w.1":
                assert bench.locations() == {"queue": ["steps"]}
                assert bench.client.hget("asok:job:steps", "interruptions") == b"1"
        assert done == list(range(STEPS))
        assert bench.locations() == {}
        assert bench.status(job) == "completed"
        assert bench.counters() == {"enqueued": 1, "completed": 1}

    reported_with_every_cut(bench, prepare, story)


def test_a_process_that_dies_leaves_no_checkpoint_beyond_what_was_done(bench: CrashBench) -> None:
    job = Job("steps", __name__, "step_through", ())

    def report(envelope: bytes, number: int) -> TaskReport:
        made = JobCheckpoint(str(number), BEGAN, f"{BEGAN:.6f}")
        text = encoded(job.id, made, KEYRING)
        return TaskReport("default", envelope, job.id, f"{BEGAN:.6f}", "", text)

    def story(cutter: Cutter) -> None:
        _heartbeat(bench)
        consumer = Consumer(
            Endpoint(cutter.url), Keys(), worker="w", process="w.1", queues=["default"], dlq_max=100
        )
        made, written = 0, 0
        try:
            (claim,) = consumer.cycle([], [], 1).claims
            made = 1
            consumer.cycle([], [], 0, reports=[report(claim.envelope, 1)])
            written = 1
            start = JobStart(claim, job.id, job.task, 0, 0, BEGAN)
            made = 2
            consumer.cycle([], [start], 0, reports=[report(claim.envelope, 2)])
            written = 2
            outcome = Outcome("return", claim, job.id, job.task, interrupted=True)
            outcome.started_at = BEGAN
            made = 3
            consumer.cycle([outcome], [], 0, reports=[report(b"", 3)])
            written = 3
        except (Unreachable, ValueError):
            # The process is killed; with the ValueError its only claim was lost with a reply.
            pass
        consumer.close()
        cutter.deliver()
        with closing(Registry(Endpoint(bench.server.url), Keys())) as registry:
            OrphanedJobs(registry, crash_limit=3, dlq_max=100).recover("w.1", "default")
            found = read_checkpoint(registry.connection, Keys(), job.id, KEYRING)
        assert bench.locations() == {"queue": ["steps"]}
        assert written <= (found.cursor if found else 0) <= made

    reported_with_every_cut(bench, lambda: bench.enqueue(job), story)
