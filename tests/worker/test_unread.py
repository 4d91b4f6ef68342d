"""A worker whose output is not read works on, and reports later how many lines are missing."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk
from tests.programs import environment, wait_until

SILENCING = "tests.worker.silencing"
KINDS: dict[str, Callable[[], tuple[int, int]]] = {
    "pipe": os.pipe,
    "journal": lambda: _descriptors(*socket.socketpair()),
    "terminal": pty.openpty,
}


def _descriptors(one: socket.socket, other: socket.socket) -> tuple[int, int]:
    return one.detach(), other.detach()


@dataclass
class Unread:
    """A worker, and this end of its standard output and error."""

    process: subprocess.Popen[bytes]
    output: int
    log: int
    text: bytearray = field(default_factory=bytearray)

    def holds(self, words: bytes) -> bool:
        """Read what has come; whether the words are in its log."""
        for file in (self.output, self.log):
            os.set_blocking(file, False)
            with suppress(BlockingIOError, OSError):
                while some := os.read(file, 1 << 16):
                    if file == self.log:
                        self.text += some
        return words in self.text


@contextmanager
def unread(desk: Desk, kind: str) -> Iterator[Unread]:
    (output, standard_output), (log, standard_error) = KINDS[kind](), KINDS[kind]()
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": SECRET_KEY,
        "ASOK_TEST_FOLDER": str(desk.folder),
        "ASOK_WORKER_LEASE": "3",
        "ASOK_WORKER_SHUTDOWN_TIMEOUT": "2",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "asok_console", "worker", "--concurrency", "1"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=standard_output,
        stderr=standard_error,
        start_new_session=True,
    )
    os.close(standard_output)
    os.close(standard_error)
    try:
        yield Unread(worker, output, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        os.close(output)
        os.close(log)


@pytest.mark.parametrize("kind", KINDS)
def test_its_jobs_run_and_the_lines_that_are_missing_are_counted(desk: Desk, kind: str) -> None:
    with unread(desk, kind) as worker:
        for _ in range(3):
            desk.reaches(desk.enqueue("talk", module=SILENCING), "completed")
            desk.reaches(desk.enqueue("fail"), "failed")
        desk.outlives_its_lease()
        wait_until(lambda: worker.holds(b" lines: standard error was not read for "), "the count")
        wait_until(lambda: worker.holds(b" lines: standard output was not read for "), "the count")
        # What was written before it was full is whole and in order.
        numbers = [int(each) for each in re.findall(rb"line-(\d+) x{10000}\r?\n", worker.text)]
        assert numbers[:100] == list(range(100))
        desk.reaches(desk.enqueue("fail", "read again"), "failed")
        wait_until(lambda: worker.holds(b"read again"), "a line")
        worker.process.send_signal(signal.SIGTERM)

        def ended() -> bool:
            worker.holds(b"")
            return worker.process.poll() is not None

        wait_until(ended, "its end")
        assert worker.process.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_stops_in_order_though_its_output_is_not_read(desk: Desk, kind: str) -> None:
    with unread(desk, kind) as worker:
        desk.reaches(desk.enqueue("talk", module=SILENCING), "completed")
        desk.enqueue("hold", "word")
        desk.wait_for_lines("begin word")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(timeout=50) == 0
        assert desk.active() == []
        assert len(desk.pending()) == 1
        assert not desk.client.exists("asok:workers")
