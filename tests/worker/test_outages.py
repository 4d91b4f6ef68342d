"""A Redis that is away, hangs, restarts or refuses: the worker waits, says so once, and resumes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

MakeRedis = Callable[..., EmbeddedRedis]


@pytest.fixture
def desk(own_desk: Desk) -> Desk:
    return own_desk


def test_a_restart_of_redis_loses_nothing_and_is_reported_once(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", ASOK_REDIS_URL=server.url)
    desk.idle()
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    server.stop(kill=True)
    desk.release("one")
    desk.wait_for_lines("end one")
    worker.wait_for_log("waiting for it", times=2)
    server.start()
    desk.reaches(jobs[0], "completed")
    desk.release("two")
    desk.reaches(jobs[1], "completed")
    desk.enqueue("note", "later")
    desk.wait_for_lines("later")
    worker.wait_for_log("Redis is back after", times=2)
    assert worker.log.count("waiting for it") == 2, "one line of the supervisor, one of the process"
    assert ".;" not in worker.log
    assert desk.counted("completed") >= 2
    assert sorted(desk.journal()[:2]) == ["begin one", "begin two"]
    assert desk.journal()[2:] == ["end one", "end two", "later"]
    assert worker.stop() == 0
    assert desk.active() == []


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    server.stop()
    worker = run_worker(ASOK_REDIS_URL=server.url)
    worker.wait_for_log("waiting for it")
    server.start()
    desk.enqueue("note", "job")
    desk.wait_for_lines("job")
    assert worker.log.count("waiting for it") == 1


def test_a_redis_that_hangs_is_an_outage_and_nothing_is_left_behind(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE="60s")
    desk.idle()
    job = desk.hold("job")
    assert server.pid is not None
    redis_pid = _server_pid(desk)
    os.kill(redis_pid, signal.SIGSTOP)
    try:
        desk.release("job")
        worker.wait_for_log("does not answer in time")
    finally:
        os.kill(redis_pid, signal.SIGCONT)
    desk.reaches(job, "completed")
    for word in ("two", "three"):
        desk.enqueue("note", word)
        desk.wait_for_lines(word)
    desk.idle()
    assert desk.counted("completed") == 3


def test_what_a_user_may_not_do_is_reported_plainly_and_tried_until_it_is_allowed(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    desk.client.execute_command(
        "ACL", "SETUSER", "worker", "on", ">pw", "~*", "&*", "+@all", "-evalsha", "-eval"
    )
    url = f"unix://worker:pw@{server.socket}"
    worker = run_worker(ASOK_REDIS_URL=url)
    worker.wait_for_log("this user may not do that (ACL)")
    assert "pw@" not in worker.log
    desk.client.execute_command("ACL", "SETUSER", "worker", "+evalsha", "+eval")
    desk.enqueue("note", "job")
    desk.wait_for_lines("job")
    assert worker.log.count("may not do that") == 1
    assert "Traceback" not in worker.log


def test_a_full_redis_is_waited_for(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_REDIS_URL=server.url)
    desk.idle()
    job = desk.hold("job")
    desk.client.config_set("maxmemory", 1)
    desk.release("job")
    worker.wait_for_log("out of memory")
    desk.client.config_set("maxmemory", 0)
    desk.reaches(job, "completed")
    assert desk.counted("completed") == 1
    assert "Traceback" not in worker.log


@pytest.mark.parametrize(
    ("command", "over"),
    [
        ("REPLICAOF {127.0.0.1 1|NO ONE}", "Redis is back"),
        ("CONFIG SET min-replicas-to-write {1|0}", "Redis no longer refuses"),
    ],
)
def test_the_end_of_a_refusal_is_not_logged_before_it_has_come(
    desk: Desk,
    server: EmbeddedRedis,
    run_worker: RunWorker,
    command: str,
    over: str,
) -> None:
    """Also when the lease runs out meanwhile, so that a cycle has nothing to write."""
    verb, _, both = command.partition("{")
    begin, _, end = both.removesuffix("}").partition("|")
    worker = run_worker(ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE="1s")
    desk.idle()
    desk.enqueue("note", "before")
    desk.wait_for_lines("before")
    desk.client.execute_command(*verb.split(), *begin.split())
    worker.wait_for_log("waiting for it")
    began = float(desk.client.time()[0])
    wait_until(lambda: float(desk.client.time()[0]) > began + 6, "six seconds")
    assert "Redis is back" not in worker.log
    assert "no longer refuses" not in worker.log
    desk.client.execute_command(*verb.split(), *end.split())
    worker.wait_for_log(over, times=2)
    desk.enqueue("note", "after")
    desk.wait_for_lines("after")


@pytest.mark.parametrize(
    "key", ["asok:paused", "asok:workers", "asok:queues", "asok:delayed_tasks", "asok:recent"]
)
def test_a_key_of_another_type_ends_neither_the_worker_nor_a_job(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker, key: str
) -> None:
    worker = run_worker(ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE="2s")
    desk.idle()
    desk.client.delete(key)
    desk.client.set(key, "of another type")
    desk.client.lpush("asok:queue", b"not JSON")
    before = worker.processes()
    worker_id = desk.client.client_list()
    assert worker_id
    began = desk.client.info("stats")["total_commands_processed"]
    wait_until(lambda: _seconds(desk, began) > 3, "three seconds")
    desk.client.delete(key)
    job = desk.enqueue("note", "job")
    desk.reaches(job, "completed")
    assert worker.process.poll() is None
    assert worker.processes() == before
    assert "Traceback" not in worker.log
    assert worker.log.count("WRONGTYPE") <= 6


_BEGAN: dict[int, float] = {}


def _seconds(desk: Desk, began: int) -> float:
    now = float(desk.client.time()[0])
    return now - _BEGAN.setdefault(began, now)


def _server_pid(desk: Desk) -> int:
    pid: int = desk.client.info("server")["process_id"]
    return pid
