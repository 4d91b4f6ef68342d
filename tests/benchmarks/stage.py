"""Runs a peer: an empty Redis, and its producer and worker as separate processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import redis

from tests.benchmarks.catalogue import Peer
from tests.benchmarks.tasks import MARKS
from tests.programs import FAMILY, family, kill_family

_PAUSE = 0.004
_ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A peer did not finish in time; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Load:
    """Statistics of Redis."""

    commands: int
    reads: int
    cpu: float


class PeerStage:
    """One peer on one empty Redis. Close it, or use it in a ``with``."""

    def __init__(self, peer: Peer, url: str) -> None:
        self.peer = peer
        self.url = url
        self._folder = tempfile.TemporaryDirectory(prefix="asok-bench-")
        self._marks = Path(self._folder.name) / "marks"
        self._log = Path(self._folder.name) / "log"
        self._redis = redis.Redis.from_url(url)
        self._redis.flushall()
        self.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and delete the reports of the tasks."""
        self._redis.close()
        self._folder.cleanup()

    def clear(self) -> None:
        """Delete the reports of the tasks."""
        self._marks.write_bytes(b"")

    def reported(self) -> bytes:
        """The reports of the tasks."""
        return self._marks.read_bytes()

    def reported_bytes(self) -> int:
        """The size of the reports."""
        return self._marks.stat().st_size

    def load(self) -> Load:
        """Statistics of Redis."""
        info: dict[str, Any] = self._redis.info()
        return Load(
            info["total_commands_processed"],
            info["total_reads_processed"],
            info["used_cpu_user"] + info["used_cpu_sys"],
        )

    def produce(self, what: str, number: float, *, timeout: float = 60) -> dict[str, Any]:
        """Run the producer and return its output. Raises Failed."""
        with self.producing(what, number) as process:
            try:
                out, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise Failed(f"enqueueing took longer than {timeout:g} s") from None
        if process.returncode:
            raise Failed(f"enqueueing failed: {errors.decode()[-300:]}")
        found: dict[str, Any] = json.loads(out)
        return found

    @contextmanager
    def producing(self, what: str, number: float) -> Iterator[subprocess.Popen[bytes]]:
        """Run the producer in the body; it is ended after that."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.benchmarks.produce"),
                *(self.peer.module, what, str(number)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(10),
            cwd=_ROOT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def start(self, commands: list[list[str]], concurrency: int = 10) -> PeerWorker:
        """Start a worker."""
        return PeerWorker(
            [[word.format(url=self.url) for word in command] for command in commands],
            self._environment(concurrency),
            self._log,
        )

    def wait(self, until: Callable[[], bool], timeout: float, what: str) -> float:
        """Wait for a condition; return the monotonic time. Raises Failed."""
        deadline = time.monotonic() + timeout
        while not until():
            if time.monotonic() > deadline:
                log = self._log.read_text(errors="replace")[-300:] if self._log.exists() else ""
                raise Failed(f"{what} took longer than {timeout:g} s {log}".strip())
            time.sleep(_PAUSE)
        return time.monotonic()

    def _environment(self, concurrency: int) -> dict[str, str]:
        path = [str(_ROOT)]
        if self.peer.folder:
            path.insert(0, str(self.peer.folder))
        return {
            **os.environ,
            **self.peer.environment,
            "PYTHONPATH": os.pathsep.join(path),
            "BENCH_REDIS_URL": self.url,
            "BENCH_CONCURRENCY": str(concurrency),
            MARKS: str(self._marks),
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": self.url,
            "ASOK_WORKER_CONCURRENCY": str(concurrency),
            "ASOK_WORKER_QUEUES": "default",
            "SECRET_KEY": "0123456789abcdef" * 4,
        }


class PeerWorker:
    """The processes of a peer's worker: one family for each command, by an inherited variable."""

    def __init__(self, commands: list[list[str]], environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._commands = commands
        self._families = [uuid.uuid4().hex for _ in commands]
        self._processes = [self._start(at) for at in range(len(commands))]

    def _start(self, at: int) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._commands[at],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, FAMILY: self._families[at]},
                cwd=_ROOT,
                start_new_session=True,
            )

    def restart_the_ended(self) -> None:
        """Restart each command that has ended, as a process manager does."""
        for at, process in enumerate(self._processes):
            if process.poll() is not None:
                kill_family(self._families[at])
                self._processes[at] = self._start(at)

    def kill(self) -> None:
        """Send SIGKILL to all processes at once."""
        for name, process in zip(self._families, self._processes, strict=True):
            kill_family(name)
            process.wait()

    def stop(self) -> None:
        """Stop it in order, or kill it after some seconds."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 3
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self.kill()

    def rss(self) -> int:
        """Resident bytes of all processes; shared pages count for each."""
        return sum(_rss(pid) for name in self._families for pid in family(name))

    def cpu(self) -> float:
        """Seconds of CPU time of its living processes."""
        return sum(_cpu(pid) for name in self._families for pid in family(name))


def _rss(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _cpu(pid: int) -> float:
    with suppress(OSError, IndexError, ValueError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0
