"""Redis that is not there, not a Redis, or away for a while."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.transport import _let_the_kernel_time
from asok_core.errors import Unreachable
from tests.production.conftest import DeployedApplication
from tests.programs import wait_until

PASSWORD = "hush-hush"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of ours on which no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


class _Web(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.fixture
def web_port() -> Iterator[int]:
    """A port on which something else answers."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def assert_one_line(application: DeployedApplication) -> str:
    """The status is one line on standard error and exit code 3; that line."""
    status = application.asok("worker", "status")
    assert status.returncode == 3, status.stderr
    assert status.stdout == ""
    (line,) = status.stderr.splitlines()
    assert PASSWORD not in line
    return line


@pytest.mark.parametrize(
    "form",
    [
        "redis://user:{password}@127.0.0.1:{port}/0",
        "rediss://user:{password}@127.0.0.1:{port}/0",
        "redis+sentinel://user:{password}@127.0.0.1:{port}/shop?sentinel_password={password}",
        "redis+cluster://user:{password}@127.0.0.1:{port}",
        "unix:///nowhere/redis.sock?password={password}",
    ],
)
def test_a_status_without_redis_is_one_line(
    application: Callable[..., DeployedApplication], closed_port: int, form: str
) -> None:
    url = form.format(password=PASSWORD, port=closed_port)
    line = assert_one_line(application(url, ASOK_NAMESPACE="{asok}"))
    assert "cannot reach Redis at" in line
    assert not line.endswith("."), "it is a part of the lines of a worker"


def test_what_is_not_a_redis_is_named(
    application: Callable[..., DeployedApplication], web_port: int
) -> None:
    line = assert_one_line(application(f"redis://:{PASSWORD}@127.0.0.1:{web_port}/0"))
    assert f"redis://:***@127.0.0.1:{web_port}/0" in line
    assert "is not a Redis" in line


def test_a_worker_waits_for_a_redis_that_comes_later(
    application: Callable[..., DeployedApplication], embedded_redis: Callable[..., EmbeddedRedis]
) -> None:
    server = embedded_redis("--requirepass", PASSWORD)
    app = application(f"unix://:{PASSWORD}@{server.socket}")
    server.stop()
    with app.worker():
        wait_until(lambda: "waiting for it" in app.reported(), "the word that it waits")
        server.start()
        app.enqueue(3)
        app.wait_for_all()
    assert app.reported().count("waiting for it") == 1
    assert PASSWORD not in app.reported()


@pytest.mark.parametrize("away", ["killed", "suspended"])
def test_a_worker_continues_after_an_outage(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    away: str,
) -> None:
    server = embedded_redis("--appendonly", "yes", "--appendfsync", "always")
    app = application(server.url, ASOK_WORKER_LEASE="3s")
    ids = app.enqueue(200)
    with app.worker("-c", "2"):
        wait_until(lambda: len(app.ran()) > 50, "50 jobs")
        if away == "killed":
            server.stop(kill=True)
            wait_until(lambda: app.reported().count("waiting for it") == 2, "both to notice")
            server.start()
        else:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGSTOP)
            try:
                wait_until(lambda: app.reported().count("waiting for it") == 2, "both to notice")
            finally:
                os.kill(server.pid, signal.SIGCONT)
        app.wait_for_all()
        wait_until(lambda: app.reported().count("Redis is back") == 2, "the word that it is back")
    app.assert_completed(ids)
    assert app.reported().count("waiting for it") == 2, (
        "once by the supervisor, once by its process"
    )


class Cooperative(socket.socket):
    """As gevent makes them: never blocking for the kernel, and timed by itself."""

    limit: float | None = None

    def settimeout(self, value: float | None) -> None:
        self.limit = value


def test_a_socket_that_times_itself_keeps_its_limit() -> None:
    with socket.socket() as plain:
        plain.settimeout(2.0)
        _let_the_kernel_time(plain, 2.0)
        assert plain.gettimeout() is None
    with Cooperative() as connected:
        os.set_blocking(connected.fileno(), False)
        _let_the_kernel_time(connected, 2.0)
        assert connected.limit == 2.0


def test_a_server_that_does_not_answer_is_distinguished_from_one_that_is_not_there(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute.sock"))
        mute.listen()
        answers = threading.Thread(target=_answer_the_greeting_only, args=(mute,))
        answers.start()
        connection = Endpoint(f"unix://{tmp_path}/mute.sock").connect(reply_timeout=0.3)
        with pytest.raises(Unreachable, match="does not answer in time"):
            connection.call("PING")
        assert not connection.open
        answers.join()


def _answer_the_greeting_only(server: socket.socket) -> None:
    connected, _ = server.accept()
    with connected:
        greeting = b""
        while b"PING" not in greeting:
            part = connected.recv(4096)
            if not part:
                return
            greeting += part
            if b"PING" not in greeting:
                connected.sendall(b"+OK\r\n")
        while connected.recv(4096):
            pass
