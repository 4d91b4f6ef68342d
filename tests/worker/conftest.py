"""What only tests of the worker use: a Redis that may stop, and who looks at a worker from outside."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.cli.main import main
from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk
from tests.programs import PATIENCE


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis]) -> EmbeddedRedis:
    """A Redis of the test's own that keeps its data over a restart."""
    return embedded_redis("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def own_desk(server: EmbeddedRedis, tmp_path: Path) -> Desk:
    """A desk on that server."""
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    client = redis.Redis.from_url(server.url)
    return Desk(settings, client, RedisProducer(settings), tmp_path)


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        yield listener


@pytest.fixture
def status(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The status command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "redis")
    monkeypatch.setenv("ASOK_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["worker", "status", *words])
        return code, *capsys.readouterr()

    return run
