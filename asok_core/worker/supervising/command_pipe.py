"""The pipe by which a supervisor commands a process: nothing waits for a process that does not read."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import IO

from asok_core.worker.config import WorkerConfig, send

MOST_UNSENT = 1000
"""Commands that are kept for a process that does not read."""


class CommandPipe:
    """Commands are lines; what cannot be sent yet is kept. A process that has ended gets none."""

    def __init__(self) -> None:
        self._pipe: IO[bytes] | None = None
        self._unsent: deque[bytes] = deque()

    def open(self, pipe: IO[bytes], config: WorkerConfig) -> None:
        """Use the standard input of a process that has just started: its configuration comes first."""
        self._pipe = pipe
        self._unsent.clear()
        with suppress(BrokenPipeError):  # it has ended at once: its exit code shows that
            send(pipe, config)
        os.set_blocking(pipe.fileno(), False)

    def send(self, command: str) -> None:
        """Send a command, at once or with a later ``flush``."""
        if len(self._unsent) < MOST_UNSENT or not command.startswith(
            ("cancel", "stop", "wake", "holds")
        ):
            self._unsent.append(command.encode() + b"\n")
        self.flush()

    def flush(self) -> None:
        """Send the commands that could not be sent before."""
        pipe = self._pipe
        if pipe is None or pipe.closed:
            self._unsent.clear()
            return
        try:
            while self._unsent:
                # So short a line is written whole or not at all.
                os.write(pipe.fileno(), self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent.clear()

    def close(self) -> None:
        """Close it: the process drains if it still runs."""
        if self._pipe is not None:
            with suppress(BrokenPipeError):
                self._pipe.close()
