"""A full-screen program in a pseudo-terminal, and a text that passes for a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 120.0


class TypedText(io.StringIO):
    """Standard input on which a text was typed, or output that is a terminal, in this process."""

    def isatty(self) -> bool:
        """A program asks only where this is true."""
        return True


def open_and_quit(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], until: Sequence[str]
) -> int:
    """Run a program until it has drawn the words ``until``, press q, and return its exit code."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    program = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    try:
        drawn = b""
        pressed = False
        end = time.monotonic() + PATIENCE
        while part := _read(terminal, end):
            drawn += part
            if not pressed and all(word.encode() in drawn for word in until):
                os.write(terminal, b"q")
                pressed = True
        assert pressed, f"it ended before it had drawn {until}:\n{drawn.decode(errors='replace')}"
        return program.wait(PATIENCE)
    finally:
        program.kill()
        program.wait()
        os.close(terminal)


def _read(terminal: int, end: float) -> bytes:
    ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
    assert ready, "the program has neither drawn anything nor ended"
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux reports a closed other side in this way.
        return b""
