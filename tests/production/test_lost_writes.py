"""What a failover can lose, and what min-replicas and WAIT change about that."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.errors import Refused
from asok_core.jobs.job import Job, new_id
from tests.production.conftest import DeployedApplication
from tests.production.sentinels import Trio
from tests.programs import wait_until
from tests.servers import tcp_url


@contextmanager
def suspended(server: EmbeddedRedis) -> Iterator[None]:
    """A server that neither answers nor reads."""
    assert server.pid is not None
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def jobs_of(app: DeployedApplication, count: int) -> list[Job]:
    first = len(app.ids)
    return [Job(new_id(), "chores", "steady", args=(first + each,)) for each in range(count)]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_failover_loses_what_no_replica_had_and_nothing_else(
    application: Callable[..., DeployedApplication], trio: Trio
) -> None:
    app = application(trio.url)
    kept = app.enqueue(40)
    lost = jobs_of(app, 20)
    with trio.client(trio.master) as master, trio.client(trio.replica) as new:
        assert master.wait(1, 10_000) == 1, "the replica has these"
        with suspended(trio.replica):
            # What comes to it in the meantime would be read from its socket afterwards.
            master.execute_command("CLIENT", "KILL", "TYPE", "replica")
            producer = RedisProducer(app.settings)
            try:
                # Acknowledged by a master that dies before any replica has them.
                assert all(producer.enqueue(lost))
                trio.master.stop(kill=True)
            finally:
                producer.close()
        trio.wait_for_failover()
        with app.worker("-c", "2"):
            app.wait_for_all()
            producer = RedisProducer(app.settings)
            try:
                # Neither a record nor an entry in a queue is left of them, so they can be sent again.
                assert [producer.record(job.id) for job in lost] == [None] * len(lost)
                assert all(producer.enqueue(lost))
            finally:
                producer.close()
            app.ids += [job.id for job in lost]
            app.wait_for_all()
        assert set(app.ran().values()) == {1}, "none twice"
        app.assert_completed([*kept, *(job.id for job in lost)])
        assert not new.keys("asok:active:*")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_with_min_replicas_nothing_is_acknowledged_while_no_replica_has_it(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    binary: Path,
) -> None:
    master = embedded_redis("--repl-diskless-sync-delay", "0", binary=binary, port=0)
    address = ("127.0.0.1", str(master.port))
    replica = embedded_redis("--replicaof", *address, binary=binary, port=0)
    app = application(tcp_url(master))
    with redis.Redis.from_url(master.url) as client, redis.Redis.from_url(replica.url) as other:
        wait_until(lambda: other.info("replication")["master_link_status"] == "up", "a replica")
        client.config_set("min-replicas-max-lag", 2)
        client.config_set("min-replicas-to-write", 1)
        wait_until(lambda: client.info("replication")["min_slaves_good_slaves"] == 1, "it is good")
        ids = app.enqueue(5000)
        with app.worker("-c", "2"):
            wait_until(lambda: len(app.ran()) > 20, "20 jobs")
            with suspended(replica):
                wait_until(
                    lambda: client.info("replication")["min_slaves_good_slaves"] == 0,
                    "none is good",
                )
                producer = RedisProducer(app.settings)
                try:
                    with pytest.raises(Refused, match="too few replicas"):
                        producer.enqueue(jobs_of(app, 1))
                finally:
                    producer.close()
                wait_until(lambda: "too few replicas" in app.reported(), "the worker to say so")
                before = client.llen("asok:queue")
            assert before > 0, "the worker did not finish"
            app.wait_for_all()
            wait_until(lambda: not client.keys("asok:active:*"), "the last outcome")
        app.assert_completed(ids)
        # What ran when Redis refused is settled when it accepts again, by the same worker.
        assert sum(app.ran().values()) == len(ids)
    assert "Traceback" not in app.reported()
