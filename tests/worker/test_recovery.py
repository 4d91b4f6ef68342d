"""Who is recovered, and when: under a clock that is set, on a link that is cut again and again."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.inspector import open_operator
from asok_core.job import Job
from tests.chaos.proxy import Proxy
from tests.programs import wait_until
from tests.worker.conftest import Desk, RunWorker, Worker

HOUR = 3_600_000
"""Milliseconds, as leases count."""
LEASE = "6s"


def leases(desk: Desk) -> dict[bytes, float]:
    return dict(desk.client.zrange(desk.keys.workers, 0, -1, withscores=True))


def differs(desk: Desk, name: str, former: float | None) -> bool:
    return leases(desk).get(name.encode()) != former


def set_the_clock(desk: Desk, hours: int) -> None:
    """As leases see it when the clock of Redis is set: all of them end earlier, or later, at once."""
    script = """
        for _, worker in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
          redis.call('ZINCRBY', KEYS[1], ARGV[1], worker)
        end"""
    desk.client.eval(script, 1, desk.keys.workers, -hours * HOUR)


def now(desk: Desk) -> float:
    seconds, micros = desk.client.time()
    return float(seconds * 1000 + micros / 1000)


def name_of(desk: Desk, worker: Worker) -> str:
    mark = f"-{worker.process.pid}-".encode()
    (found,) = [each for each in leases(desk) if mark in each]
    return found.decode()


def move_elsewhere(desk: Desk, worker: Worker) -> str:
    """Let a worker be on another host, as the others see it: its lease alone tells whether it lives."""
    name = name_of(desk, worker)
    for place in desk.client.keys("asok:place:*"):
        desk.client.srem(place, name)
    return name


def busy(desk: Desk, run_worker: RunWorker, word: str, **settings: object) -> tuple[Worker, Job]:
    """A worker that holds a job of a queue of its own."""
    worker = run_worker("--queues", f"of-{word}", **settings)
    job = desk.enqueue("hold", word, queue=f"of-{word}")
    desk.hears(f"begin {word}")
    desk.reaches(job, "running")
    return worker, job


def test_live_workers_take_nothing_from_each_other_when_the_clock_is_set_forward(
    desk: Desk, run_worker: RunWorker
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
        set_the_clock(desk, 1)
        wait_until(lambda: min(leases(desk).values()) > now(desk), "new leases of all")
    for word in words:
        desk.let(word)
        desk.hears(f"end {word}")
    assert sorted(desk.journal()) == sorted(
        f"{what} {word}" for word in words for what in ("begin", "end")
    )
    assert not desk.client.keys("asok:crashes:*")
    for worker in workers.values():
        assert "Recovered" not in worker.log


def test_a_dead_worker_keeps_no_hour_of_lease_when_the_clock_is_set_back(
    desk: Desk, run_worker: RunWorker
) -> None:
    dead, job = busy(desk, run_worker, "job", ASOK_WORKER_LEASE=LEASE)
    other = run_worker("--queues", "of-job", ASOK_WORKER_LEASE=LEASE)
    wait_until(lambda: len(leases(desk)) == 2, "two workers")
    move_elsewhere(desk, dead)
    dead.kill()
    set_the_clock(desk, -1)
    other.says("whose lease ran out")
    desk.let("job")
    desk.reaches(job, "completed")
    assert desk.journal() == ["begin job", "begin job", "end job"]


def test_a_subscription_that_the_network_has_dropped_is_noticed(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    with Proxy(Path(redis_server.folder) / "stranded.sock", redis_server.socket) as proxy:
        # No heartbeat comes that would find the order.
        worker = run_worker(ASOK_WORKER_LEASE="1d", ASOK_REDIS_URL=proxy.url)
        desk.idle()
        wait_until(lambda: subscribers(desk) == 1, "a subscription")
        proxy.strand()
        wait_until(lambda: subscribers(desk) == 2, "another subscription")
        operator = open_operator(desk.settings)
        operator.quiet(name_of(desk, worker))
        operator.close()
        worker.says("Ordered to be quiet")


def test_a_job_is_cancelled_though_its_worker_was_cut_off_when_that_was_asked(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    with Proxy(Path(redis_server.folder) / "cancel.sock", redis_server.socket) as proxy:
        worker = run_worker(ASOK_WORKER_LEASE=LEASE, ASOK_REDIS_URL=proxy.url)
        job, other = desk.enqueue("hold_until_cancelled", "job"), desk.enqueue("note", "other")
        desk.hears("begin job")
        desk.reaches(job, "running")
        name = name_of(desk, worker)
        proxy.strand()
        backend = RedisBackend(desk.settings)
        assert backend.cancel(job.id) is False, "it is only asked to stop"
        desk.reaches(job, "cancelled")
        desk.reaches(other, "completed")
        wait_until(lambda: not desk.client.exists(desk.keys.cancels(name)), "the end of the order")
        backend.shutdown(wait=True, timeout=None)


def test_outcomes_of_a_worker_that_was_cut_off_for_longer_than_its_lease_are_counted(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    with Proxy(Path(redis_server.folder) / "held.sock", redis_server.socket) as proxy:
        given = {"ASOK_WORKER_LEASE": "3s", "ASOK_WORKER_CONCURRENCY": 2}
        cut_off = run_worker("--queues", "default", ASOK_REDIS_URL=proxy.url, **given)
        jobs = [desk.enqueue("hold", "job"), desk.enqueue("hold_and_fail", "job", retries=1)]
        desk.hears("begin job", "begin job")
        for job in jobs:
            desk.reaches(job, "running")
        proxy.hold()
        desk.let("job")
        desk.hears("end job", "end job")
        other = run_worker(**given)
        desk.reaches(jobs[0], "completed")
        desk.reaches(jobs[1], "failed")
        proxy.release()
        cut_off.says("Outcome dropped", times=2)
        assert desk.counted("outcomes_dropped") == 2
        assert (desk.counted("completed"), desk.counted("failed")) == (1, 2)
        assert "Outcome dropped" not in other.log


def subscribers(desk: Desk) -> int:
    [(_, count)] = desk.client.pubsub_numsub(desk.keys.wake)
    return int(count)


@contextmanager
def cut_again_and_again(proxy: Proxy, seconds: float) -> Iterator[None]:
    done = threading.Event()

    def cut() -> None:
        while not done.wait(seconds):
            proxy.cut()

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_dead_worker_is_recovered_over_a_link_that_is_cut_more_often_than_its_lease_ends(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    path = Path(redis_server.folder) / "cut.sock"
    with Proxy(path, redis_server.socket) as proxy:
        other = run_worker(ASOK_WORKER_LEASE="9s", ASOK_REDIS_URL=proxy.url)
        desk.idle()
        dead, job = busy(desk, run_worker, "job", ASOK_WORKER_LEASE="9s")
        move_elsewhere(desk, dead)
        dead.kill()
        with cut_again_and_again(proxy, 2.0):
            other.says("whose lease ran out")
    assert [payload.id for payload in desk.pending("of-job")] == [job.id]
