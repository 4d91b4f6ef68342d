"""The stacks of a process's threads, also while a task holds its interpreter.

Two ways lead to them. While Python code runs in a process, its pulse thread walks the frames of one
thread or of all, which is safe. While none runs, ``faulthandler`` writes all of them from a C signal
handler into a file in memory that the supervisor shares with the process. The handler reads frames that
other threads may be changing, which can end the process: the supervisor sends the signal only where no
Python code runs. It moves what was written to its log: that may be JSON, which a handler cannot write.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from asok_core.inspection.stacks import (
    MOST_FRAMES,
    Stack,
    StackFrame,
    shortened,
    stack_in_dump,
    stack_of,
)
from asok_core.runtime import forks
from asok_core.worker.shared_state import SharedState, shared_file

MOST = 4 << 20
"""Bytes of stacks that are kept and logged at once; more is of no use, and takes memory."""
STILL = 0.2
"""Seconds without a further line after which the stacks are taken to be complete."""
PULSE = 1.0
"""Seconds between two runs of the pulse thread where nothing is requested."""
_LONGEST_ANSWER = 64 * 1024
_LONGEST_DUMP = 60_000
ALL = 0
"""Requests the stacks of all threads, as text."""
_KEPT = 200
"""Answers that wait for those who asked."""


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
            if size > MOST:
                # A task may write what it likes, and without an end.
                self.take_all()
                return ""
        if size == 0 or now - self._grew_at < STILL:
            return ""
        return self.take_all()

    def take_all(self) -> str:
        """Remove what was written so far, as by a process that has ended, and return the end of it."""
        file = self.fileno()
        text = os.pread(file, MOST, max(os.fstat(file).st_size - MOST, 0))
        os.lseek(file, 0, os.SEEK_SET)
        os.ftruncate(file, 0)
        return text.decode("utf-8", "replace")

    def close(self) -> None:
        """Close this side's descriptor."""
        self._file.close()


class StackRequests:
    """The supervisor's side of the socket by which the pulse thread of a process is asked for stacks."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ours.setblocking(False)
        self._sent = 0
        self._came: dict[int, object] = {}

    def fileno(self) -> int:
        """The descriptor that the process inherits."""
        return self._theirs.fileno()

    def send(self, ident: int) -> int:
        """Request the stack of a thread, or of ``ALL``. Returns the number of the request."""
        self._sent += 1
        # It is full where the process answers nothing: the caller notices that by the time.
        with suppress(BlockingIOError, ConnectionError):
            self._ours.send(b"%d %d" % (self._sent, ident))
        return self._sent

    def answers(self, numbers: Iterable[int]) -> dict[int, Stack]:
        """Those of the ``numbers`` requests that are answered, each once; others may wait for theirs."""
        self._receive()
        found = {number: self._came.pop(number) for number in numbers if number in self._came}
        return {number: stack_of(answer) for number, answer in found.items()}

    def text(self, number: int) -> str:
        """The answer to a request for ``ALL``, once; '' where there is none yet."""
        self._receive()
        answer = self._came.pop(number, "")
        return answer if isinstance(answer, str) else ""

    def _receive(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            while True:
                number, _, text = self._ours.recv(_LONGEST_ANSWER).partition(b" ")
                with suppress(ValueError, RecursionError):
                    self._came[int(number)] = json.loads(text)
        while len(self._came) > _KEPT:
            del self._came[next(iter(self._came))]

    def close(self) -> None:
        """Close both ends."""
        self._ours.close()
        self._theirs.close()


def pulse(shared: SharedState, requests: socket.socket) -> None:
    """Run the pulse thread of this process: it shows that Python code runs, and walks stacks.

    Never returns.
    """
    requests.settimeout(PULSE)
    while True:
        shared.note_pulse()
        try:
            number, _, ident = requests.recv(64).partition(b" ")
            thread = int(ident)
            answer = stacks_of_all() if thread == ALL else stack_of_thread(thread)
            text = json.dumps(answer, separators=(",", ":")).encode()
            requests.send(b"%s %s" % (number, text))
        except TimeoutError:
            continue
        except Exception:  # noqa: BLE001 - without a pulse the process would look stuck
            time.sleep(PULSE)


def stack_of_thread(ident: int) -> Stack:
    """Where a thread of this process is; () where there is none."""
    frame: FrameType | None = sys._current_frames().get(ident)  # noqa: SLF001 - the documented way
    found: list[StackFrame] = []
    # The outermost frames are ours, and would not be recognised if they were cut off.
    while frame is not None and len(found) < 20 * MOST_FRAMES:
        code = frame.f_code
        found.append(StackFrame(code.co_filename, frame.f_lineno or 0, code.co_qualname))
        frame = frame.f_back
    return shortened(found)


def stacks_of_all() -> str:
    """Where each thread of this process is, written as ``faulthandler`` does."""
    parts, size = [], 0
    for ident in sys._current_frames():  # noqa: SLF001 - the documented way
        lines = [f"Thread {ident:#018x} (most recent call first):"]
        lines += [
            f'  File "{file}", line {line} in {name}' for file, line, name in stack_of_thread(ident)
        ]
        part = "\n".join(lines)
        size += len(part.encode("utf-8", "backslashreplace")) + 1
        if size > _LONGEST_DUMP:
            parts.append("The other threads are left out.")
            break
        parts.append(part)
    return "\n\n".join(parts) + "\n"


def write_stacks_to(file: int) -> None:
    """In a process of a worker: write stacks to ``file``, and not to standard error.

    On SIGUSR1 those of all threads; on a fatal error (as SIGSEGV) that error, and where the thread was.
    A fork has neither, unless Python was started with ``faulthandler``.
    """
    asked = faulthandler.is_enabled()
    faulthandler.register(signal.SIGUSR1, file, all_threads=True)
    # Of one thread: others may be changing their frames.
    faulthandler.enable(file, all_threads=False)
    # A fork does not keep the file: its number may be that of another there.
    forks.after_fork(partial(faulthandler.enable, 2) if asked else faulthandler.disable)


_FATAL = "Fatal Python error: "
_FATAL_SIGNALS = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGBUS: "Bus error",
    signal.SIGABRT: "Aborted",
    signal.SIGILL: "Illegal instruction",
    signal.SIGFPE: "Floating",
}


def fatal_error_in(dump: str, code: int) -> tuple[str, str]:
    """The fatal error of which a process with this exit code ended: in a line, and as it was written.

    The line has the innermost call. Both are '' where none was reported. One of another signal is that of
    another process, as a program of a task that kept the file.
    """
    name = next((text for number, text in _FATAL_SIGNALS.items() if code == -number), None)
    _, found, text = dump.rpartition(_FATAL)
    if not found or name is None or not text.startswith(name):
        return "", ""
    frames = text.partition(" (most recent call first):\n")[2]
    stack = stack_in_dump(f"Thread 0x1 \n{frames}", 1)
    where = f" in {stack[0].function} ({stack[0].file}:{stack[0].line})" if stack else ""
    return f"{_FATAL}{text.partition(chr(10))[0]}{where}", f"{_FATAL}{text}"


def handles_signal(pid: int) -> bool:
    """Whether a process has a handler for SIGUSR1, which would end it otherwise.

    A task may have set another, or removed ours. True where the system does not show it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1)
    except (OSError, StopIteration, ValueError, IndexError):
        return True
