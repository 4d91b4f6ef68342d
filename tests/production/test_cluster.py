"""Redis Cluster: everything is in one slot, and continues when the slot moves to another node."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.errors import AsokError
from asok_core.jobs.job import Job, new_id
from tests.production.conftest import DeployedApplication
from tests.programs import wait_until

SLOTS = 16384


def bus_port() -> int:
    """A free port whose companion for the cluster's own traffic, 10,000 above, is free too."""
    while True:
        port = random.randrange(20_000, 50_000)
        with socket.socket() as first, socket.socket() as second, suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 10_000))
            return port


class Cluster:
    """Three masters that share the slots, and no replicas."""

    def __init__(self, servers: Callable[..., EmbeddedRedis], binary: Path) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
        self.servers = [servers(*options, binary=binary, port=bus_port()) for _ in range(3)]
        self.nodes = [redis.Redis.from_url(server.url) for server in self.servers]
        for at, (node, server) in enumerate(zip(self.nodes, self.servers, strict=True)):
            slots = range(SLOTS * at // 3, SLOTS * (at + 1) // 3)
            self.say(node, "ADDSLOTS", *slots)
            self.say(node, "MEET", "127.0.0.1", self.servers[0].port)
            assert server.port is not None
        wait_until(self._whole, "the cluster to form")
        self.slot: int = self.say(self.nodes[0], "KEYSLOT", "{asok}:queue")
        self.home = self.nodes[self.slot * 3 // SLOTS]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{s.port}" for s in self.servers)

    def say(self, node: redis.Redis, *words: Any) -> Any:
        return node.execute_command("CLUSTER", *words)

    def begin_move(self, target: redis.Redis) -> None:
        """Begin to move the slot of all keys to another node."""
        self.say(target, "SETSLOT", self.slot, "IMPORTING", self.say(self.home, "MYID"))
        self.say(self.home, "SETSLOT", self.slot, "MIGRATING", self.say(target, "MYID"))

    def move_keys(self, target: redis.Redis, most: int) -> bool:
        """Move some of the keys; whether any was left to move."""
        keys = self.say(self.home, "GETKEYSINSLOT", self.slot, most)
        if keys:
            port = self.servers[self.nodes.index(target)].port
            self.home.execute_command(
                "MIGRATE", "127.0.0.1", port, "", 0, 10_000, "REPLACE", "KEYS", *keys
            )
        return bool(keys)

    def end_move(self, target: redis.Redis) -> None:
        """The slot is the other node's from now on."""
        owner = self.say(target, "MYID")
        for node in (target, self.home, *self.nodes):
            self.say(node, "SETSLOT", self.slot, "NODE", owner)
        self.home = target

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def _whole(self) -> bool:
        states = [self.say(node, "INFO") for node in self.nodes]
        return all(b"state:ok" in state and b"known_nodes:3" in state for state in states)


@pytest.fixture
def cluster(embedded_redis: Callable[..., EmbeddedRedis], binary: Path) -> Iterator[Cluster]:
    made = Cluster(embedded_redis, binary)
    yield made
    made.close()


def test_a_cluster_runs_jobs(
    application: Callable[..., DeployedApplication], cluster: Cluster
) -> None:
    app = application(cluster.url, ASOK_NAMESPACE="{asok}")
    app.run_all()
    assert app.asok("worker", "status").returncode == 0
    others = [node for node in cluster.nodes if node is not cluster.home]
    assert [node.dbsize() for node in others] == [0, 0]


def test_a_namespace_without_braces_is_refused(
    application: Callable[..., DeployedApplication], cluster: Cluster
) -> None:
    status = application(cluster.url).asok("worker", "status")
    assert status.returncode == 2
    assert "'{asok}'" in status.stderr


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_is_lost_while_the_slot_moves(
    application: Callable[..., DeployedApplication], cluster: Cluster
) -> None:
    app = application(cluster.url, ASOK_NAMESPACE="{asok}", ASOK_WORKER_LEASE="3s")
    app.enqueue(300)
    target = next(node for node in cluster.nodes if node is not cluster.home)
    with app.worker("-c", "4"):
        wait_until(lambda: len(app.ran()) > 50, "50 jobs")
        cluster.begin_move(target)
        while cluster.move_keys(target, 40):
            enqueue_if_possible(app)
        cluster.end_move(target)
        app.wait_for_all()
        source = target
        wait_until(
            lambda: not source.keys("{asok}:active:*") and not source.exists("{asok}:queue"),
            "the rest",
        )
        app.enqueue(5)
        app.wait_for_all()
    app.assert_completed(app.ids)


def enqueue_if_possible(app: DeployedApplication) -> None:
    """Enqueue one more job, which a producer may be refused while the slot is on its way."""
    job = Job(new_id(), "chores", "quick", args=(len(app.ids),))
    producer = RedisProducer(app.settings)
    try:
        producer.enqueue([job])
    except AsokError:
        pass
    else:
        app.ids.append(job.id)
    finally:
        producer.close()
