"""Sentinel: the master dies while a worker runs, and the jobs continue with the replica."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.production.conftest import Application
from tests.production.sentinels import PASSWORD, WATCHER, Trio
from tests.programs import wait_until
from tests.servers import tcp_url


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_nothing_is_lost_when_the_master_dies(
    application: Callable[..., Application], trio: Trio
) -> None:
    app = application(trio.url)
    ids = app.enqueue(300)
    with trio.client(trio.master) as master:
        assert master.wait(1, 50_000) == 1, "the replica has every job"
    with app.worker("-c", "2"):
        wait_until(lambda: len(app.ran()) > 50, "50 jobs")
        trio.master.stop(kill=True)
        app.wait_for_all()
        with trio.client(trio.replica) as new:
            # All jobs may have run before the kill, and nothing was waited for then.
            trio.wait_for_failover()
            # What ran on the old master and had not reached the new one runs again.
            wait_until(
                lambda: not new.keys("asok:active:*") and not new.llen("asok:queue"), "the rest"
            )
        status = app.asok("worker", "status")
        ids += app.enqueue(5)
        app.wait_for_all()
    app.assert_completed(ids)
    assert status.returncode == 0, status.stderr
    for text in (app.reported(), status.stdout, status.stderr):
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
        wait_until(
            lambda: app.reported().count("read-only replica; waiting") == 2, "both to notice"
        )
        client.replicaof("NO", "ONE")
        app.enqueue(1)
        app.wait_for_all()
    assert "not a list" not in app.reported()
