"""A worker notifies systemd of its state, over a socket as systemd provides it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from asok_core.worker.supervising.systemd import ALIVE, READY, STOPPING, notify
from tests.conftest import SECRET_KEY
from tests.programs import PATIENCE, environment, running


def until_notified(notifications: socket.socket, word: str) -> list[str]:
    """Every word up to this one, without it."""
    before = []
    while (received := notifications.recv(4096).decode()) != word:
        before.append(received)
    return before


def settings(redis_url: str) -> dict[str, str]:
    return environment(
        {"ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY, "ASOK_WORKER_LEASE": "1s"}
    )


def test_it_is_ready_alive_at_every_heartbeat_and_stopping(
    redis_url: str, notifications: socket.socket
) -> None:
    worker = ("-m", "asok_console", "worker", "--url", redis_url)
    with running(*worker, env=settings(redis_url)) as program:
        assert set(until_notified(notifications, READY)) <= {ALIVE}
        assert until_notified(notifications, ALIVE) == []
        assert until_notified(notifications, ALIVE) == []
        program.send_signal(signal.SIGTERM)
        assert set(until_notified(notifications, STOPPING)) <= {ALIVE}
        program.communicate(timeout=PATIENCE)
        assert program.returncode == 0


def test_a_worker_that_waits_for_redis_is_alive_and_not_ready(
    notifications: socket.socket, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/no-redis.sock"
    worker = ("-m", "asok_console", "worker", "--url", nowhere)
    with running(*worker, env=settings(nowhere)) as program:
        assert until_notified(notifications, ALIVE) == []
        assert until_notified(notifications, ALIVE) == []
        program.send_signal(signal.SIGTERM)
        assert READY not in until_notified(notifications, STOPPING)


def test_an_abstract_socket_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"asok-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify(READY)
        assert until_notified(listener, READY) == []


@pytest.mark.parametrize("address", [None, "", "vsock:2:1", "/no/listener"])
def test_without_a_listener_it_continues(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify(READY)


def test_a_listener_that_does_not_read_holds_nothing_up(
    notifications: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="asok.worker")
    notifications.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    while not caplog.messages:
        notify(ALIVE)
    assert "systemd not notified: state=WATCHDOG=1 error=" in caplog.text
