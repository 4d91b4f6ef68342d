"""What a worker misses on a bad connection, and what others do: which are recovered, and when."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.operations.inspector import open_operator
from tests.chaos.proxy import Proxy
from tests.concurrently import beside
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.leased import LEASE, busy, differs, kill_elsewhere, leases, name_of


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
        worker.wait_for_log("Worker quieted")


def test_a_job_is_cancelled_though_its_worker_was_cut_off_when_that_was_asked(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    with Proxy(Path(redis_server.folder) / "cancel.sock", redis_server.socket) as proxy:
        worker = run_worker(ASOK_WORKER_LEASE=LEASE, ASOK_REDIS_URL=proxy.url)
        job, other = desk.enqueue("hold_until_cancelled", "job"), desk.enqueue("note", "other")
        desk.wait_for_lines("begin job")
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
        desk.wait_for_lines("begin job", "begin job")
        for job in jobs:
            desk.reaches(job, "running")
        proxy.hold()
        desk.release("job")
        desk.wait_for_lines("end job", "end job")
        other = run_worker(**given)
        desk.reaches(jobs[0], "completed")
        desk.reaches(jobs[1], "failed")
        proxy.release()
        cut_off.wait_for_log("Outcome dropped", times=2)
        assert desk.counted("outcomes_dropped") == 2
        assert (desk.counted("completed"), desk.counted("failed")) == (1, 2)
        assert "Outcome dropped" not in other.log


def subscribers(desk: Desk) -> int:
    [(_, count)] = desk.client.pubsub_numsub(desk.keys.wake)
    return int(count)


def cut_again_and_again(
    desk: Desk, proxy: Proxy, seconds: float, name: str
) -> AbstractContextManager[None]:
    """Cut a worker's connections each time it has sent a heartbeat, after ``seconds`` at least.

    On a busy machine a worker may need longer than that to connect again, and no heartbeat would arrive.
    """

    def cut(done: threading.Event) -> None:
        while not done.wait(seconds):
            proxy.cut()
            former = leases(desk).get(name.encode())
            while not differs(desk, name, former):
                if done.wait(0.05):
                    return

    return beside(cut)


def test_a_dead_worker_is_recovered_over_a_connection_that_is_cut_more_often_than_its_lease_ends(
    desk: Desk, redis_server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    path = Path(redis_server.folder) / "cut.sock"
    with Proxy(path, redis_server.socket) as proxy:
        other = run_worker(ASOK_WORKER_LEASE="9s", ASOK_REDIS_URL=proxy.url)
        desk.idle()
        dead, job = busy(desk, run_worker, "job", ASOK_WORKER_LEASE="9s")
        kill_elsewhere(desk, dead)
        with cut_again_and_again(desk, proxy, 2.0, name_of(desk, other)):
            other.wait_for_log("whose lease expired")
    assert [payload.id for payload in desk.pending("of-job")] == [job.id]
