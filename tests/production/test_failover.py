"""Sentinel: the master dies while a worker runs, and the jobs continue with the replica."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.production.conftest import DeployedApplication
from tests.production.sentinels import PASSWORD, WATCHER, Trio
from tests.programs import wait_until
from tests.servers import tcp_url
from tests.worker.test_events import all_sent_another, lease_ends


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_nothing_is_lost_when_the_master_dies(
    application: Callable[..., DeployedApplication], trio: Trio
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
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    binary: Path,
) -> None:
    master, other = (embedded_redis(binary=binary, port=0) for _ in range(2))
    app = application(tcp_url(master))
    with app.worker("-c", "2"), redis.Redis.from_url(master.url) as client:
        app.enqueue(1)
        app.wait_for_all()
        # The connections of an idle worker are not cut, as a sentinel would do.
        client.replicaof("127.0.0.1", str(other.port))
        wait_until(
            lambda: app.reported().count("read-only replica; waiting") == 2, "both to notice"
        )
        client.replicaof("NO", "ONE")
        app.enqueue(1)
        app.wait_for_all()
    assert "not a list" not in app.reported()


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("planned", [False, True])
def test_the_promotion_of_a_replica_is_one_event_and_no_restart(
    application: Callable[..., DeployedApplication], trio: Trio, planned: bool
) -> None:
    app = application(trio.url)
    with (
        app.worker("--queues", "default"),
        app.worker("--queues", "other"),
        trio.client(trio.replica) as new,
    ):
        wait_until(lambda: new.zcard("asok:workers") == 2, "both workers, on the replica")
        former = lease_ends(new)
        if planned:
            trio.fail_over()
        else:
            trio.master.stop(kill=True)
        trio.wait_for_failover()
        wait_until(lambda: all_sent_another(new, former), "heartbeats of both")
        app.enqueue(1)
        app.wait_for_all()
        (event,) = changes_of_server(new)
        assert event[b"kind"] == b"redis_failed_over"
        # When workers saw the former master last.
        assert 0 < float(event[b"at"]) - float(event[b"seen_at"]) < 60
    found = app.asok("events", "--kind", "redis_failed_over", "--json")
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["events"]) == 1


def changes_of_server(client: Any) -> list[dict[bytes, bytes]]:
    """The events about the server, oldest first; none while it cannot be asked."""
    with suppress(redis.RedisError):
        found = [fields for _, fields in client.xrange("asok:events")]
        return [each for each in found if each[b"kind"].startswith(b"redis_")]
    return []
