"""A full Redis (maxmemory, no eviction): workers empty it, operators too, and only new data is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

import asok_core.backends.redis
from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.redis.scripts import needs_of, source
from asok_core.backends.roles import Scope
from asok_core.errors import Refused
from asok_core.jobs.calls import make_call
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.lua_calls import all_calls
from tests.programs import wait_until
from tests.worker.jobs import note

LEASE = 5.0
"""Seconds. Heartbeats of a busy machine may be late by as many."""
ROOM = 300_000
"""Bytes that jobs may fill."""


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis], binary: Path) -> EmbeddedRedis:
    return embedded_redis("--maxmemory-policy", "noeviction", binary=binary)


@pytest.fixture
def desk(server: EmbeddedRedis, tmp_path: Path) -> Desk:
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    client = redis.Redis.from_url(server.url)
    return Desk(settings, client, RedisProducer(settings), tmp_path)


def fill(desk: Desk) -> list[Job]:
    """Enqueue until Redis refuses; the jobs that it has acknowledged."""
    desk.client.config_set("maxmemory", desk.client.info("memory")["used_memory"] + ROOM)
    jobs: list[Job] = []
    refused: Refused | None = None
    while refused is None:
        some = [desk.job("give", number) for number in range(10)]
        try:
            desk.producer.enqueue(some)
            jobs += some
        except Refused as error:
            refused = error
    assert "out of memory" in str(refused)
    assert jobs
    return jobs


def keep_full(desk: Desk) -> None:
    """However much is freed: no command that may need memory is allowed from now on."""
    desk.client.config_set("maxmemory", 1)


def is_full(desk: Desk) -> None:
    """An enqueue is refused with a line that names the memory and what to do."""
    with pytest.raises(Refused, match="out of memory") as caught:
        desk.enqueue("note", "one more")
    assert "maxmemory" in str(caught.value)
    assert "\n" not in str(caught.value)


def seconds_pass(desk: Desk, seconds: float) -> None:
    """Wait until so much time has passed on the server's clock."""

    def now() -> float:
        whole, micros = desk.client.time()
        return float(whole) + float(micros) / 1e6

    end = now() + seconds
    wait_until(lambda: now() >= end, f"{seconds} s of Redis's clock")


def test_a_fresh_worker_drains_a_full_redis(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    jobs = fill(desk)
    keep_full(desk)
    worker = run_worker("--concurrency", "2", ASOK_REDIS_URL=server.url)
    wait_until(lambda: desk.counted("completed") == len(jobs), "the last job")
    assert {desk.record(job).status for job in jobs} == {"completed"}
    assert [desk.pending(), desk.active(), desk.dead()] == [[], [], []]
    is_full(desk)
    assert worker.stop() == 0
    assert "Traceback" not in worker.log
    assert "waiting for it" not in worker.log
    assert desk.client.zcard("asok:workers") == 0


def test_retries_and_what_a_dead_process_held_continue_without_memory(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    failing = desk.enqueue("fail_until", 2, "again", retries=3, backoff=0)
    buried = desk.enqueue("fail")
    dying = desk.enqueue("die_alone", "died")
    keep_full(desk)
    run_worker(ASOK_REDIS_URL=server.url, ASOK_CRASH_LIMIT=2)
    desk.reaches(failing, "completed")
    desk.reaches(buried, "failed")
    desk.reaches(dying, "failed")
    assert desk.journal().count("died") == 2
    assert sorted(dead_job.id for dead_job in desk.dead()) == sorted([buried.id, dying.id])
    is_full(desk)


def test_leases_hold_while_redis_is_full_so_that_nothing_begins_twice(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    words = ("one", "two", "three", "four")
    jobs = [desk.enqueue("hold", word) for word in words]
    first = run_worker("-c", "4", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE=f"{LEASE}s")
    desk.wait_for_lines(*(f"begin {word}" for word in words))
    keep_full(desk)
    second = run_worker("-c", "4", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE=f"{LEASE}s")
    second.wait_for_log("Worker ")
    seconds_pass(desk, 2 * LEASE)
    for word in words:
        desk.release(word)
    for job in jobs:
        desk.reaches(job, "completed")
    assert sorted(desk.journal()) == sorted(f"{e} {w}" for w in words for e in ("begin", "end"))
    for worker in (first, second):
        assert "lease" not in worker.log
        assert "ERROR" not in worker.log


def test_an_idle_worker_finds_what_comes_back_while_redis_is_full_and_sleeps_again_after(
    desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    """The idle wait itself (BLMOVE) is refused: jobs are polled for, which the log says once."""
    buried = desk.enqueue("fail")
    worker = run_worker(ASOK_REDIS_URL=server.url)
    desk.reaches(buried, "failed")
    keep_full(desk)
    worker.wait_for_log("polling for jobs")
    operator = RedisOperator(Endpoint(server.url), Keys(), KEYRING)
    assert operator.requeue(Scope(Location.DEAD)).applied == 1
    operator.close()
    wait_until(lambda: desk.counted("failed") == 2, "the requeued job")
    desk.client.config_set("maxmemory", 0)
    desk.idle()
    worker.wait_for_log("Waiting for jobs again: no longer polling for them")
    desk.enqueue("note", "later")
    desk.wait_for_lines("later")
    assert worker.log.count("polling for jobs ten times a second") == 1
    assert "Redis is back" not in worker.log


def test_operators_can_do_everything_on_a_full_redis_but_bring_in_jobs(
    desk: Desk, server: EmbeddedRedis
) -> None:
    due = float(desk.client.time()[0]) + 3600
    for word in "abcdef":
        desk.enqueue("note", word)
    later = [desk.enqueue("note", word, due_at=due) for word in "gh"]
    dead_jobs = [
        dead_entry(raw, failed_at=1.0, error="no") for raw in desk.client.lrange("asok:queue", 0, 3)
    ]
    desk.client.lpush("asok:dlq", *dead_jobs)
    desk.client.ltrim("asok:queue", 4, -1)
    desk.client.zadd("asok:workers", {"someone": 2e12})
    desk.client.hset("asok:worker:someone", "queues", "default")
    keep_full(desk)
    operator = RedisOperator(Endpoint(server.url), Keys(), KEYRING)
    dead, pending = Scope(Location.DEAD), Scope(Location.PENDING, queue="default")
    raws = [dead_job.raw for dead_job in desk.dead()]
    keys = [dead_job.id for dead_job in desk.dead()]

    def one(position: Location, job_id: str, queue: str | None = None) -> Scope:
        return Scope(position, queue=queue, ids=frozenset((job_id,)))

    waiting = [each.id for each in desk.pending()]
    results = [
        operator.edit(raws[0], ["other"], {}),
        operator.requeue(one(Location.DEAD, keys[1])),
        operator.purge(one(Location.DEAD, keys[2])),
        operator.purge(dead),
        operator.move(one(Location.PENDING, waiting[1], "default"), front=True),
        operator.move(one(Location.PENDING, waiting[0], "default"), to="low"),
        operator.promote(one(Location.DELAYED, later[0].id)),
        operator.cancel(one(Location.DELAYED, later[1].id)),
        operator.pause("default"),
        operator.resume("default"),
        operator.quiet("someone"),
        operator.resume_worker("someone"),
        operator.stop("someone"),
        operator.purge(pending),
    ]
    assert [each.applied for each in results] == [*(1 for _ in results[:-1]), 4]
    assert [len(desk.client.lrange(f"asok:trash:{each.operation}", 0, -1)) for each in results] == [
        *(1, 0, 1, 1), *(0, 0, 0, 1), *(0, 0, 0, 0, 0), 4,
    ]  # fmt: skip
    undone = [operator.restore(results[at].operation or "") for at in (2, 3, 7, 13)]
    assert [each.applied for each in undone] == [1, 1, 1, 4]
    actions = {entry[b"operation"]: entry for _, entry in desk.client.xrange("asok:audit")}
    for each in (*results, *undone):
        entry = actions[str(each.operation).encode()]
        assert (entry[b"state"], int(entry[b"applied"])) == (b"done", each.applied)

    with pytest.raises(Refused, match="out of memory"):
        operator.import_dead(
            [dead_entry(seal(desk.job("note", "new"), KEYRING), failed_at=1.0, error="no")]
        )
    last = next(iter(desk.client.xrevrange("asok:audit", count=1)))[1]
    assert (last[b"action"], last[b"state"], last[b"applied"]) == (b"import", b"failed", b"0")
    operator.close()


def test_no_command_but_those_that_bring_new_data_needs_memory(desk: Desk) -> None:
    """Each script that writes is prepared for a full Redis, and no plain command needs to be."""
    replies = desk.client.execute_command("COMMAND")
    refused = {name.upper() for name, info in replies.items() if "denyoom" in info["flags"]}
    assert {"SET", "LMOVE", "XADD"} <= refused
    root = Path(asok_core.backends.redis.__file__).parent
    plain = {
        command
        for path in root.parent.parent.rglob("*.py")
        for command in re.findall(r"""[(]\s*["']([A-Z]+)["'],""", path.read_text())
    }
    assert plain & refused == {"BLMOVE"}, "use a script; the idle wait alone has another way"
    unprepared = {
        name
        for name, call in all_calls().items()
        if refused.intersection(re.findall("'([A-Z]+)'", call.script().text))
        and needs_of(source("scripts", name))[:1] != ("full",)
    }
    assert unprepared == {"enqueue", "import_dead_jobs"}


def test_an_application_can_cancel_and_ask_on_a_full_redis(desk: Desk) -> None:
    backend = RedisBackend(desk.settings)
    try:
        future = backend.enqueue(make_call(note, "never"))
        keep_full(desk)
        assert backend.cancel(future.job_id)
        record: Any = backend.record(future.job_id)
        assert record.status == "cancelled"
        with pytest.raises(Refused, match="out of memory"):
            backend.enqueue(make_call(note, "more"))
    finally:
        backend.shutdown(wait=False, timeout=0)
    assert desk.pending() == []
