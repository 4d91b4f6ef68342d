"""Workers of a Redis whose clock is set, by an hour at a time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.server_clock import ServerClock
from tests.worker.leased import LEASE, busy, differs, kill_elsewhere, leases, name_of, now


@pytest.fixture
def clock(tmp_path: Path) -> ServerClock:
    return ServerClock(tmp_path)


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis], clock: ServerClock) -> EmbeddedRedis:
    return embedded_redis(binary=clock.binary)


@pytest.fixture
def redis_url(server: EmbeddedRedis) -> str:
    return server.url


@pytest.fixture
def desk(own_desk: Desk) -> Desk:
    return own_desk


def test_live_workers_take_nothing_from_each_other_when_the_clock_is_set_forward(
    desk: Desk, run_worker: RunWorker, clock: ServerClock
) -> None:
    words = ("one", "two", "three")
    workers = {word: busy(desk, run_worker, word, ASOK_WORKER_LEASE=LEASE)[0] for word in words}
    names = {word: name_of(desk, worker) for word, worker in workers.items()}
    for _ in range(8):
        for name in names.values():
            # A heartbeat between two others: from now on it is no more in step with other duties.
            former = leases(desk).get(name.encode())
            desk.client.publish(desk.keys.wake, f"order {name}")
            wait_until(partial(differs, desk, name, former), "a heartbeat")
        threading.Event().wait(random.uniform(0.0, 1.0))
        clock.set(desk.client, 1)
        wait_until(lambda: min(leases(desk).values()) > now(desk), "new leases of all")
    for word in words:
        desk.release(word)
        desk.wait_for_lines(f"end {word}")
    assert sorted(desk.journal()) == sorted(
        f"{what} {word}" for word in words for what in ("begin", "end")
    )
    assert not desk.client.keys("asok:crashes:*")
    for worker in workers.values():
        assert "Recovered" not in worker.log


def test_a_dead_worker_keeps_no_hour_of_lease_when_the_clock_is_set_back(
    desk: Desk, run_worker: RunWorker, clock: ServerClock
) -> None:
    dead, job = busy(desk, run_worker, "job", ASOK_WORKER_LEASE=LEASE)
    other = run_worker("--queues", "of-job", ASOK_WORKER_LEASE=LEASE)
    wait_until(lambda: len(leases(desk)) == 2, "two workers")
    kill_elsewhere(desk, dead)
    clock.set(desk.client, -1)
    other.wait_for_log("whose lease expired")
    desk.release("job")
    desk.reaches(job, "completed")
    assert desk.journal() == ["begin job", "begin job", "end job"]
