"""A console whose terminal is gone ends, although nothing can ask it to."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.conftest import SECRET_KEY
from tests.programs import environment, exit_code, wait_until


@pytest.fixture
def console(redis_url: str) -> Iterator[tuple[int, int]]:
    """A console on a pseudo terminal of its own: its process id, and our end of the terminal."""
    env = environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "TERM": "xterm-256color",
        }
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "asok_console", "console"], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    yield pid, terminal
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("drawing", [True, False], ids=["while it draws", "at rest"])
def test_it_ends(console: tuple[int, int], drawing: bool) -> None:
    pid, terminal = console
    seen = bytearray()

    def shown() -> bool:
        if select.select([terminal], [], [], 0)[0]:
            seen.extend(os.read(terminal, 65536))
        return b"Overview" in seen

    wait_until(shown, lambda: f"the Overview in {bytes(seen[-2000:])!r}", interval=0.01)
    if drawing:
        # The terminal is not read: what is drawn piles up, as on a connection that hangs before it breaks.
        for _ in range(10):
            os.write(terminal, b"12345671234567")
            time.sleep(0.2)
    os.close(terminal)
    assert exit_code(pid) == 128 + signal.SIGHUP
