"""Workers of a Redis whose clock is set, by an hour at a time."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.clock import iso
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import wait_until
from tests.server_clock import MovableClock
from tests.worker.leased import LEASE, busy, differs, kill_elsewhere, leases, name_of, now
from tests.worker.supervising.test_cancel_by_operator import cancel, running, start

__all__ = ["start"]
Asok = Callable[..., Ran]


@pytest.fixture
def clock(tmp_path: Path) -> MovableClock:
    return MovableClock(tmp_path)


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis], clock: MovableClock) -> EmbeddedRedis:
    return embedded_redis(binary=clock.binary)


@pytest.fixture
def redis_url(server: EmbeddedRedis) -> str:
    return server.url


@pytest.fixture
def desk(own_desk: Desk) -> Desk:
    return own_desk


def test_live_workers_take_nothing_from_each_other_when_the_clock_is_set_forward(
    desk: Desk, run_worker: RunWorker, clock: MovableClock
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
    desk: Desk, run_worker: RunWorker, clock: MovableClock
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


def test_what_is_not_known_when_the_clock_is_set_back_is_not_stated(
    desk: Desk, start: RunWorker, clock: MovableClock, asok: Asok
) -> None:
    start("--concurrency", "2")
    held, job = desk.hold("held"), running(desk, "ignore", "job")
    desk.enqueue("note", "waits")
    cancel(asok, job)
    wait_until(lambda: desk.client.hexists(f"asok:job:{job.id}", "cancel_taken"), "a taken request")
    clock.set(desk.client, -1)
    if not clock.real:
        return
    reason = asok("explain", held.id, "--json").document["reasons"][-1]
    assert (reason["code"], reason["since"]) == ("running", None)
    assert "was set back" in reason["evidence"]["ran"]
    assert "ran_s" not in reason["evidence"]
    assert reason["evidence"]["started_at"] == iso(desk.record(held).started_at)
    (busy,) = asok("explain", "--queue", "default", "--json").document["reasons"]
    assert busy["code"] == "slots_busy"
    assert "running_for_s" not in busy["evidence"]
    status = asok("worker", "status").out
    (line,) = [each for each in status.splitlines() if each.startswith('tests.worker.jobs.hold("')]
    assert line.split()[1] == "\N{EN DASH}"
    (line,) = [
        each for each in asok("job", "list", "--state", "running").out.splitlines()
        if each.startswith(held.id)
    ]  # fmt: skip
    assert line.split()[1] == "\N{EN DASH}"
    shown = asok("job", "show", job.id).out
    assert re.search(r"^cancelled   requested by \S+; stopping$", shown, re.MULTILINE)
    assert "its_process_may_be_ended_at" not in asok("explain", job.id, "--json").out
    assert "ran 0" not in shown
    desk.release("held")
    desk.reaches(held, "completed")


def test_how_long_a_job_ran_is_right_when_the_clock_is_set_back_while_it_runs(
    desk: Desk, run_worker: RunWorker, clock: MovableClock
) -> None:
    run_worker("--concurrency", "2")
    held = desk.hold("held")
    since = time.monotonic()
    clock.set(desk.client, -1)
    # Its process learns the time from the claims of other jobs.
    for _ in range(3):
        desk.reaches(desk.enqueue("note", "next"), "completed")
    waited = time.monotonic() - since
    desk.release("held")
    record = desk.reaches(held, "completed")
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.finished_at - record.started_at >= waited
    assert record.finished_at <= now(desk) / 1000


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_cancelled_job_is_ended_after_its_wait_although_the_clock_is_set(
    desk: Desk, start: RunWorker, clock: MovableClock, asok: Asok, hours: int
) -> None:
    worker = start()
    job = running(desk, "ignore", "job")
    cancel(asok, job, "8s" if hours < 0 else "600s")
    wait_until(lambda: desk.client.hexists(f"asok:job:{job.id}", "cancel_taken"), "a taken request")
    clock.set(desk.client, hours)
    if hours < 0:
        desk.reaches(job, "cancelled")
        return
    former = desk.client.hget(desk.keys.worker(name_of(desk, worker)), "beat_at")
    for _ in range(3):
        wait_until(partial(_has_new_heartbeat, desk, worker, former), "a heartbeat")
        former = desk.client.hget(desk.keys.worker(name_of(desk, worker)), "beat_at")
    assert desk.record(job).status == "running"


def _has_new_heartbeat(desk: Desk, worker: Worker, former: bytes) -> bool:
    return bool(desk.client.hget(desk.keys.worker(name_of(desk, worker)), "beat_at") != former)
