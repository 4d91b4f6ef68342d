"""Sentinel: the master dies while a worker runs, and the jobs go on with the replica."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from asok_console.demo.child_process import Tether
from asok_console.demo.embedded import EmbeddedRedis, free_port
from tests.production.conftest import Application
from tests.programs import wait_until
from tests.servers import tcp_url

SERVICE = "shop"
PASSWORD = "between-us"
WATCHER = "watch-word"


class Trio:
    """A master, a replica and three sentinels, all with passwords."""

    def __init__(self, servers: Callable[..., EmbeddedRedis], binary: Path) -> None:
        guard = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        sync = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
        self.master = servers(*guard, *sync, binary=binary, port=0)
        self.replica = servers(
            *guard,
            *sync,
            *("--replicaof", "127.0.0.1", str(self.master.port)),
            binary=binary,
            port=0,
        )
        self._sentinels = [self._sentinel(binary) for _ in range(3)]
        hosts = ",".join(f"127.0.0.1:{port}" for port, _ in self._sentinels)
        self.url = f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0?sentinel_password={WATCHER}"
        try:
            wait_until(self._agreed, "the sentinels to know each other and the replica")
        except BaseException:
            self.close()
            raise

    def client(self, server: EmbeddedRedis) -> redis.Redis:
        return redis.Redis.from_url(f"{server.url}?password={PASSWORD}")

    def close(self) -> None:
        for _, tether in self._sentinels:
            tether.close()

    def _sentinel(self, binary: Path) -> tuple[int, Tether]:
        folder, port = Path(tempfile.mkdtemp(prefix="asok-sentinel-")), free_port()
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {WATCHER}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 2\n"
            f"sentinel auth-pass {SERVICE} {PASSWORD}\n"
            f"sentinel sentinel-pass {WATCHER}\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        return port, Tether([binary, settings, "--sentinel"], folder=folder)

    def _agreed(self) -> bool:
        for port, _ in self._sentinels:
            with suppress(redis.RedisError), redis.Redis(port=port, password=WATCHER) as sentinel:
                state = sentinel.sentinel_master(SERVICE)
                if state["num-other-sentinels"] == 2 and state["num-slaves"] == 1:
                    continue
            return False
        with self.client(self.replica) as replica:
            return bool(replica.info("replication")["master_link_status"] == "up")


@pytest.fixture
def trio(embedded_redis: Callable[..., EmbeddedRedis], binary: Path) -> Iterator[Trio]:
    made = Trio(embedded_redis, binary)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_nothing_is_lost_when_the_master_dies(
    application: Callable[..., Application], trio: Trio
) -> None:
    app = application(trio.url)
    ids = app.enqueue(300)
    with trio.client(trio.master) as master:
        assert master.wait(1, 10_000) == 1, "the replica has every job"
    with app.worker("-c", "2"):
        wait_until(lambda: len(app.ran()) > 50, "50 jobs")
        trio.master.stop(kill=True)
        app.wait_for_all()
        with trio.client(trio.replica) as new:
            assert new.info("replication")["role"] == "master"
            # What ran on the old master and had not reached the new one runs again.
            wait_until(
                lambda: not new.keys("asok:active:*") and not new.llen("asok:queue"), "the rest"
            )
        status = app.asok("worker", "status")
        ids += app.enqueue(5)
        app.wait_for_all()
    app.assert_completed(ids)
    assert status.returncode == 0, status.stderr
    for text in (app.told(), status.stdout, status.stderr):
        assert PASSWORD not in text
        assert WATCHER not in text


def test_a_worker_notices_that_its_master_became_a_replica(
    application: Callable[..., Application],
    embedded_redis: Callable[..., EmbeddedRedis],
    binary: Path,
) -> None:
    master, other = (embedded_redis(binary=binary, port=0) for _ in range(2))
    app = application(tcp_url(master))
    with app.worker("-c", "2"), redis.Redis.from_url(master.url) as client:
        app.enqueue(1)
        app.wait_for_all()
        # Nobody cuts the connections of an idle worker, as a sentinel would.
        client.replicaof("127.0.0.1", str(other.port))
        wait_until(lambda: app.told().count("read-only replica; waiting") == 2, "both to notice")
        client.replicaof("NO", "ONE")
        app.enqueue(1)
        app.wait_for_all()
    assert "not a list" not in app.told()
