"""A process of the worker, seen from the supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from asok_core.worker.board import Board, Running
from asok_core.worker.config import WorkerConfig
from asok_core.worker.process import send


class Child:
    """Starts, orders and outlives one process; its board tells what ran when it died."""

    def __init__(self, config: WorkerConfig, number: int) -> None:
        self.number = number
        self.process_id = f"{config.worker}.{number}"
        self._config = config
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="asok-board-")  # noqa: SIM115
        self._board = Board(self._file, config.concurrency)
        self._popen: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id in the system, or None before the start."""
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Start the process on an empty board."""
        self._board.clear()
        board = self._file.fileno()
        self._popen = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "asok_core.worker.process",
                str(board),
                str(self._config.concurrency),
                self.process_id,
            ],
            stdin=subprocess.PIPE,
            pass_fds=(board,),
        )
        assert self._popen.stdin is not None, "asked for above"
        with suppress(BrokenPipeError):  # it died at once: the exit code tells
            send(self._popen.stdin, self._config)

    def order(self, order: str) -> None:
        """Send ``drain``, ``quiet``, ``loud`` or ``wake``; a dead child hears nothing."""
        if self._popen is not None and self._popen.stdin is not None:
            with suppress(BrokenPipeError, ValueError):
                self._popen.stdin.write(order.encode() + b"\n")
                self._popen.stdin.flush()

    def exit_code(self) -> int | None:
        """The exit code (negative: a signal), or None while it lives."""
        return self._popen.poll() if self._popen else None

    def kill(self) -> None:
        """End it at once; what it ran is on the board."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()

    def wait(self) -> None:
        """Wait for its end."""
        if self._popen is not None:
            self._popen.wait()

    def running(self) -> list[Running]:
        """What its threads run, or ran when it died."""
        return self._board.running()

    def memory(self) -> int | None:
        """Resident memory in bytes, where the system tells."""
        try:
            statm = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii")
            return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """Let go of the board and the pipe."""
        if self._popen is not None and self._popen.stdin is not None:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()
        self._board.close()
        self._file.close()
