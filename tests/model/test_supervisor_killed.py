"""The supervisor is killed at one of its calls while it ends the process of a cancelled job."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.model.cutter import Cut, Cutter
from tests.programs import wait_until
from tests.worker.supervising.test_cancel_by_operator import cancel, running, start

__all__ = ["start"]


class Killer(Cutter):
    """Kills a process at the command that it cuts."""

    victim = 0

    def arm(self, at: int, cut: Cut, victim: int) -> None:
        """Kill ``victim`` at command number ``at`` from now on."""
        with self._lock:
            self.commands.clear()
            self.at, self.cut, self.victim = at, cut, victim

    def _chosen(self, name: bytes) -> bool:
        chosen = super()._chosen(name)
        if chosen:
            os.kill(self.victim, signal.SIGKILL)
        return chosen


@pytest.fixture
def killer(redis_server: EmbeddedRedis) -> Iterator[Killer]:
    # The path of a socket may not be long.
    with (
        tempfile.TemporaryDirectory(prefix="asok-cut-") as folder,
        Killer(Path(folder) / "s", redis_server.socket) as killer,
    ):
        yield killer


@pytest.mark.parametrize(
    ("at", "cut"),
    [(0, Cut.REQUEST_LOST), (0, Cut.REPLY_LOST), (2, Cut.REPLY_LOST), (9, Cut.REQUEST_LOST)],
)
def test_its_job_ends_once_and_the_job_beside_it_is_returned(  # noqa: PLR0917 - its fixtures
    desk: Desk, start: RunWorker, asok: Callable[..., Ran], killer: Killer, at: int, cut: Cut
) -> None:
    worker = start("--concurrency", "2", ASOK_WORKER_LEASE="3s", ASOK_REDIS_URL=killer.url)
    beside, job = desk.hold("beside"), running(desk, "ignore", "job", retries=2)
    killer.arm(at, cut, worker.process.pid)
    cancel(asok, job, "0.3s")
    wait_until(lambda: worker.process.poll() is not None, "the end of the supervisor")
    start("--queues", "other", ASOK_WORKER_LEASE="3s")
    desk.reaches(job, "cancelled")
    wait_until(lambda: not desk.active(), "no job is held")
    assert [each.id for each in desk.pending()] == [beside.id]
    assert desk.record(beside).retry_count == 0
    assert desk.counted("cancelled") == 1
    assert desk.journal().count("begin job") == 1
