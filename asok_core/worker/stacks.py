"""The stacks of a process's threads, also while a task holds its interpreter.

``faulthandler`` writes them from a C signal handler, into a file in memory that the supervisor shares
with the process and moves to its log: the log may be JSON, and a handler cannot write that.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time

from asok_core.worker.shared_state import shared_file

MOST = 4 << 20
"""Bytes of stacks that are logged at once."""
STILL = 0.2
"""Seconds without a further line after which the stacks are taken to be complete."""


class StackFile:
    """Holds what a process wrote until ``take``."""

    def __init__(self) -> None:
        self._file = shared_file("stacks")
        self._size = 0
        self._grew_at = 0.0

    def fileno(self) -> int:
        """The descriptor that the process inherits; its position is shared with this side."""
        return self._file.fileno()

    def take(self) -> str:
        """Remove and return what was written, once it has not grown for a moment; else ''."""
        file, now = self.fileno(), time.monotonic()
        size = os.fstat(file).st_size
        if size != self._size:
            self._size, self._grew_at = size, now
        if size == 0 or now - self._grew_at < STILL:
            return ""
        text = os.pread(file, MOST, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.ftruncate(file, 0)
        return text.decode("utf-8", "replace")

    def close(self) -> None:
        """Close this side's descriptor."""
        self._file.close()


def write_stacks_to(file: int) -> None:
    """In a process of a worker: on SIGUSR1 write the stacks of all threads to ``file``."""
    faulthandler.register(signal.SIGUSR1, file, all_threads=True)
