"""A Redis that sentinels watch over."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import redis

from asok_console.demo.child_process import ManagedCommand
from asok_console.demo.embedded import EmbeddedRedis, free_port
from tests.programs import wait_until

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

    def fail_over(self) -> None:
        """Have the sentinels promote the replica; the master becomes its replica, and lives."""
        port, _ = self._sentinels[0]
        with redis.Redis(port=port, password=WATCHER) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def wait_for_failover(self) -> None:
        """Wait until the replica is the master.

        The sentinels close the connections of a server with the command that promotes it,
        so a question at this moment may get no answer.
        """
        wait_until(self._promoted, "the failover")

    def close(self) -> None:
        for _, managed in self._sentinels:
            managed.close()

    def _sentinel(self, binary: Path) -> tuple[int, ManagedCommand]:
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
        return port, ManagedCommand([binary, settings, "--sentinel"], folder=folder)

    def _promoted(self) -> bool:
        with suppress(redis.ConnectionError), self.client(self.replica) as replica:
            return bool(replica.info("replication")["role"] == "master")
        return False

    def _agreed(self) -> bool:
        for port, _ in self._sentinels:
            with suppress(redis.RedisError), redis.Redis(port=port, password=WATCHER) as sentinel:
                state = sentinel.sentinel_master(SERVICE)
                if state["num-other-sentinels"] == 2 and state["num-slaves"] == 1:
                    continue
            return False
        with self.client(self.replica) as replica:
            return bool(replica.info("replication")["master_link_status"] == "up")
