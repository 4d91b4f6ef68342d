"""The console as users run it: a separate process in a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.conftest import SECRET_KEY

PATIENCE = 30.0

_ROOT = Path(__file__).parents[3]
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<=>$ ]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|.)")


class Gone(Exception):
    """The console ended, or did not draw what was expected."""


class ConsoleTerminal:
    """``asok console`` on a Redis, in a terminal of 120 by 40. Use it in a ``with``.

    What the console draws is read only inside ``until`` and ``rest``.
    """

    def __init__(self, url: str, *words: str, size: tuple[int, int] = (120, 40)) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="asok-bench-")
        self._end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.drawn = b""
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asok_console", "console", *words],
            cwd=self._home.name,
            env=self._environment(url),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        with suppress(Gone):
            self.rest(PATIENCE)
        self._process.kill()
        self._process.wait()
        os.close(self._end)
        self._home.cleanup()

    @property
    def text(self) -> str:
        """The text drawn since the last key, without colours and positions."""
        return _ESCAPES.sub(b"", self.drawn).decode(errors="replace")

    def press(self, keys: str) -> float:
        """Press keys; return the time (``time.perf_counter``)."""
        self.drawn = b""
        pressed = time.perf_counter()
        os.write(self._end, keys.encode())
        return pressed

    def until(self, drawn: Callable[[str], object], what: str = "") -> float:
        """Read until ``drawn`` is true of the text; return the time. Raises Gone."""
        deadline = time.perf_counter() + PATIENCE
        while not drawn(self.text):
            left = deadline - time.perf_counter()
            if left < 0:
                raise Gone(f"did not draw {what}: {self.text[:4000]!r}")
            self._read(left)
        return time.perf_counter()

    def rest(self, seconds: float) -> None:
        """Read for some seconds. Raises Gone if the console ends."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Resident memory, bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._end], [], [], seconds)
        if not ready:
            return
        try:
            part = os.read(self._end, 65536)
        except OSError:
            # Linux reports a closed other side in this way.
            part = b""
        if not part:
            raise Gone(f"it ended: {self.text[-2000:]}")
        self.drawn += part

    def _environment(self, url: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(_ROOT),
            "HOME": self._home.name,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": url,
            "ASOK_DLQ_MAX": "1000000",
            "SECRET_KEY": SECRET_KEY,
        }
