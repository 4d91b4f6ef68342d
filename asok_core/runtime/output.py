"""Non-blocking standard output and error of a worker.

The reader of a log may stop: a pipe is full, a terminal is stopped by Ctrl+S. A plain write would
then block the thread, and with it a job, a loop or the exit of the process. Here, output that
cannot be written at once is kept, up to a limit, and written by another thread when that is
possible again.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

MOST_KEPT = 1 << 20
"""Bytes that are kept of each stream while it is not being read. Further output is dropped."""

Resumed = Callable[[int, int, float], object]
"""Called when a stream is read again after lines were dropped: its descriptor, the number of lines,
and for how many seconds it had not been read."""


class NonBlockingOutput:
    """Writes to a descriptor from any thread. ``write`` neither blocks nor raises."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.on_resumed: Resumed | None = None
        self._channel = _channel(number)
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._since = 0.0
        self._thread: threading.Thread | None = None

    def write(self, data: bytes) -> None:
        """Write what can be written at once, and keep the rest for the writing thread."""
        with self._lock:
            if not self._kept:
                data = data[self._channel.write(data) :]
                if not data:
                    return
                self._since = time.monotonic()
            if self._size + len(data) > MOST_KEPT:
                self._dropped += max(1, data.count(b"\n"))
                return
            self._kept.append(data)
            self._size += len(data)
            if self._thread is None:
                self._start()

    def flush(self, seconds: float) -> bool:
        """Wait at most ``seconds`` until all is written; return whether it is."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def _start(self) -> None:
        thread = threading.Thread(target=self._write_kept, name="asok-output", daemon=True)
        # If no thread could be started, the next line tries again.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _write_kept(self) -> None:
        while True:
            with self._lock:
                if not self._kept:
                    # Not only by counting: a time limit may have interrupted a thread that wrote.
                    self._size = 0
                    dropped, self._dropped = self._dropped, 0
                    seconds = time.monotonic() - self._since
                    self._thread = None
                    break
                data = self._kept[0]
            written = self._channel.write_patiently(data)
            with self._lock:
                self._size -= written
                if written < len(data):
                    self._kept[0] = data[written:]
                else:
                    self._kept.popleft()
        if dropped and self.on_resumed is not None:
            self.on_resumed(self.number, dropped, seconds)

    def begin_after_fork(self) -> None:
        """In a forked process: the lock may be held, and the thread does not exist."""
        self._begin()


class _Channel:
    """A descriptor whose writes may block, such as a pipe that cannot be reopened."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, _data: bytes) -> int:
        """Write what can be written without blocking; return the bytes. Failed writes count as written."""
        return 0

    def write_patiently(self, data: bytes) -> int:
        """Write as soon as some bytes can be written; return their number."""
        try:
            return os.write(self._number, data)
        except BlockingIOError:
            _wait(self._number)
            return 0
        except OSError:
            return len(data)


class _File(_Channel):
    """A regular file, or a device that never blocks."""

    def write(self, data: bytes) -> int:
        return self.write_patiently(data)


class _ReopenedDescriptor(_Channel):
    """A pipe or a terminal, opened again: O_NONBLOCK then applies to this open file only."""

    def __init__(self, number: int, own: int) -> None:
        super().__init__(number)
        self._own = own
        self._identity = _identity(own)

    def write(self, data: bytes) -> int:
        if _identity(self._own) != self._identity:
            # A task has closed it, and the descriptor may now be that of a connection.
            return 0
        return _attempt(partial(os.write, self._own), data)

    def write_patiently(self, data: bytes) -> int:
        _wait(self._number)
        return self.write(data) or super().write_patiently(data[: select.PIPE_BUF])


class _Socket(_Channel):
    """A socket, as systemd connects to its journal."""

    def write(self, data: bytes) -> int:
        return _attempt(self._send, data)

    def _send(self, data: bytes) -> int:
        # A new object each time, with its own copy, which no task can close.
        with socket.socket(fileno=os.dup(self._number)) as connection:
            return connection.send(data, socket.MSG_DONTWAIT)

    def write_patiently(self, data: bytes) -> int:
        _wait(self._number)
        return self.write(data)


def _attempt(write: Callable[[bytes], int], data: bytes) -> int:
    """The bytes that were written: none where it would block; a failed write counts as written."""
    try:
        return write(data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


def _channel(number: int) -> _Channel:
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return _File(number)
    if stat.S_ISSOCK(mode):
        return _Socket(number)
    if not (stat.S_ISFIFO(mode) or os.isatty(number)):
        return _File(number)
    try:
        # On Linux this opens the file again; elsewhere it duplicates the descriptor.
        path = f"/proc/self/fd/{number}"
        return _ReopenedDescriptor(number, os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return _Channel(number)


def _identity(number: int) -> tuple[int, int]:
    try:
        found = os.fstat(number)
    except OSError:
        return (-1, -1)
    return found.st_dev, found.st_ino


def _wait(number: int) -> None:
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    poll.poll()


_outputs: dict[int, NonBlockingOutput] = {}


def standard(number: int) -> NonBlockingOutput:
    """The output of this process to standard output (1) or standard error (2)."""
    if number not in _outputs:
        _outputs[number] = NonBlockingOutput(number)
    return _outputs[number]


def flush(seconds: float) -> bool:
    """Wait at most ``seconds`` until both are written; return whether they are."""
    end = time.monotonic() + seconds
    written = [each.flush(max(0.0, end - time.monotonic())) for each in _outputs.values()]
    return all(written)


def _begin_after_fork() -> None:
    for each in _outputs.values():
        each.begin_after_fork()


os.register_at_fork(after_in_child=_begin_after_fork)
