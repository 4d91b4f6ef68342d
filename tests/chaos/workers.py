"""Workers that are killed, suspended and started again, and a record of what was done to them."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asok_console.demo.child_process import ManagedCommand
from tests.programs import FAMILY, kill_family

LEASE = 3.0
"""Seconds of a worker's lease: short enough to run out several times in a run."""
KILLS = ("process", "supervisor", "worker", "redis", "producer")
"""Blows that are a kill -9."""


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that ended, or stopped, processes that ran jobs. ``at`` is monotonic."""

    kind: str
    pids: frozenset[int]
    at: float


class ChaosWorker:
    """One worker that is always meant to run, as under a service manager."""

    def __init__(
        self, name: str, options: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "asok_console", "worker", *options]
        self._family = uuid.uuid4().hex
        self._env = {**env, FAMILY: self._family}
        self._log = log
        self._managed: ManagedCommand | None = None
        self._stopped: list[int] = []
        self.suspended = False

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._managed is not None, "started before it is asked"
        return self._managed.pid

    def ensure(self) -> None:
        """Start it, or start it again when it has ended."""
        if self._managed is not None and self._managed.wait(0):
            self._managed.close()
            self._managed = None
        if self._managed is None:
            self._managed = ManagedCommand(self._command, environment=self._env, errors=self._log)

    def kill_supervisor(self) -> None:
        """Kill -9 the supervisor alone; its processes find out by themselves."""
        os.kill(self.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill -9 supervisor and processes at the same time, as when the machine goes down."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            self._signal(number, self._pids())

    def terminate(self) -> None:
        """Ask it to stop, as a deployment does."""
        os.kill(self.pid, signal.SIGTERM)

    def freeze(self, *, whole: bool) -> None:
        """Suspend all its processes, or the supervisor alone, wherever they are."""
        self.suspended = True
        self._stopped = self._pids() if whole else [self.pid]
        self._signal(signal.SIGSTOP, self._stopped)

    def thaw(self) -> None:
        """Resume it."""
        self._signal(signal.SIGCONT, self._stopped)
        self.suspended = False

    def stop(self, timeout: float) -> bool:
        """Stop it for good; whether it ended by itself in time."""
        if self._managed is None:
            return True
        ended = self._managed.stop(timeout=timeout)
        self.close()
        return ended

    def close(self) -> None:
        """End whatever is left of it."""
        kill_family(self._family)
        if self._managed is not None:
            self._managed.close()
            self._managed = None

    def _pids(self) -> list[int]:
        """The supervisor, and its processes, each of which leads a session of its own."""
        with suppress(FileNotFoundError):
            found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return [self.pid, *map(int, found.split())]
        return [self.pid]

    @staticmethod
    def _signal(number: signal.Signals, pids: Sequence[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def parent_of(pid: int) -> int | None:
    """The parent of a process, or None when there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
