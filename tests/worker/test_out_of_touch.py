"""Workers without Redis, or without their lease, for a while: what they hold is handled once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.operations.inspector import open_operator
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import wait_until


class CuttableLine:
    """A worker's own way to Redis, which a test can cut while the server stays."""

    def __init__(self, server: EmbeddedRedis, client: redis.Redis) -> None:
        self._server = server
        self._client = client
        self._connection = server.folder / "line"
        self.url = f"unix://{self._connection}"
        self.repair()

    def cut(self) -> None:
        self._connection.unlink()
        for kind in ("normal", "pubsub"):
            self._client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def repair(self) -> None:
        self._connection.symlink_to(self._server.socket)


@pytest.fixture
def desk(own_desk: Desk) -> Desk:
    return own_desk


def pass_time(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "the end of a while")


def heartbeats_on(desk: Desk, name: str, times: int) -> None:
    """Wait for ``times`` more heartbeats of a worker."""
    seen: set[bytes] = set()

    def with_heartbeat() -> bool:
        seen.add(desk.client.hget(desk.keys.worker(name), "beat_at"))
        return len(seen) > times

    wait_until(with_heartbeat, f"{times} heartbeats")


def names(desk: Desk) -> list[str]:
    return [name.decode() for name in desk.client.zrange(desk.keys.workers, 0, -1)]


def processor_time(worker: Worker) -> float:
    """Seconds that a supervisor has computed."""
    stat = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def test_a_process_whose_lease_is_lost_claims_nothing_and_what_it_holds_counts_once(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    given = {"ASOK_REDIS_URL": server.url, "ASOK_WORKER_LEASE": "3s"}
    losing = run_worker("--concurrency", "3", **given)
    desk.idle()
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    # The lease is not renewed. The process itself, which has a thread to spare, continues.
    losing.signal(signal.SIGSTOP)
    other = run_worker("--concurrency", "3", **given)
    other.wait_for_log("whose lease expired")
    desk.wait_for_lines(*["begin one", "begin two"] * 2)
    short = [desk.enqueue("pid") for _ in range(20)]
    for job in short:
        assert desk.reaches(job, "completed").result == str(other.only_process())
    desk.release("one")
    desk.release("two")
    desk.wait_for_lines(*["end one", "end two"] * 2)
    for job in jobs:
        desk.reaches(job, "completed")
    losing.signal(signal.SIGCONT)
    wait_until(lambda: len(names(desk)) == 2, "a new lease")
    assert other.stop() == 0
    later = desk.enqueue("note", "later")
    desk.reaches(later, "completed")
    assert desk.counted("completed") == 23
    assert (desk.counted("failed"), desk.counted("dead")) == (0, 0)
    recent = desk.client.lrange(desk.keys.recent, 0, -1)
    assert sorted(recent) == sorted(job.id.encode() for job in (*jobs, *short, later))
    assert desk.active() == []


def test_a_process_that_dies_while_redis_is_away_is_replaced_without_haste(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_REDIS_URL=server.url)
    desk.idle()
    job = desk.hold("job")
    pid = worker.only_process()
    server.stop()
    worker.wait_for_log("waiting for it")
    os.kill(pid, signal.SIGKILL)
    worker.wait_for_log("died (killed by SIGKILL)")
    before = processor_time(worker)
    pass_time(4)
    # It sleeps between its attempts; one that did not would have taken a processor for itself.
    assert processor_time(worker) - before < 1
    assert worker.processes() == [], "what the dead one held comes first"
    server.start()
    desk.wait_for_lines(*["begin job"] * 2)
    desk.release("job")
    desk.reaches(job, "completed")
    assert desk.counted("completed") == 1
    assert worker.stop() == 0


def test_an_order_that_is_given_while_a_worker_is_cut_off_reaches_it(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    line = CuttableLine(server, desk.client)
    worker = run_worker(ASOK_REDIS_URL=line.url, ASOK_WORKER_LEASE="2s")
    desk.idle()
    (name,) = names(desk)
    line.cut()
    worker.wait_for_log("waiting for it", times=2)
    operator = open_operator(desk.settings)
    assert operator.quiet(name).applied == 1
    line.repair()
    worker.wait_for_log("Redis is back", times=2)
    worker.wait_for_log("Worker quieted")

    def deaf() -> bool:
        return not any("b" in each["flags"] for each in desk.client.client_list())

    wait_until(deaf, "the end of its waits for jobs")
    job = desk.enqueue("note", "job")
    heartbeats_on(desk, name, 2)
    assert [payload.id for payload in desk.pending()] == [job.id]
    assert desk.journal() == []
    operator.resume_worker(name)
    desk.reaches(job, "completed")
    operator.close()
    assert worker.stop() == 0


def test_those_who_had_the_same_outage_are_not_taken_for_dead(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    given = {"ASOK_REDIS_URL": server.url, "ASOK_WORKER_LEASE": "9s"}
    workers = [run_worker("--queues", queue, **given) for queue in ("one", "two")]
    desk.idle(2)
    jobs = [desk.enqueue("hold", queue, queue=queue) for queue in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    for job in jobs:
        desk.reaches(job, "running")
    here = names(desk)
    leases = [desk.client.zscore(desk.keys.workers, name) for name in here]
    server.stop()
    for worker in workers:
        worker.wait_for_log("waiting for it")
    wait_until(lambda: time.time() * 1000 > max(leases) + 500, "the end of both leases")
    server.start()
    for name in here:
        heartbeats_on(desk, name, 4)
    for job in jobs:
        assert desk.record(job).status == "running"
        desk.release(str(job.args[0]))
        desk.reaches(job, "completed")
    assert desk.journal().count("begin one") == desk.journal().count("begin two") == 1
    for worker in workers:
        assert "Recovered" not in worker.log
        assert worker.stop() == 0
    assert not desk.client.keys("asok:crashes:*")
