"""``asok explain`` where workers, leases or heartbeats were not read, or Redis refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.clock import iso
from asok_core.inspection.workers import STALE_AFTER
from asok_core.jobs.envelope import seal
from tests.backends.redis.reading.seed import KEYRING, hold, job, push, record, server_time, work
from tests.commands.test_explain import Asok, explained, first
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.users import assert_all_allowed, user_url

KEYS = Keys()
MOST = 500
"""Workers that a snapshot reads."""


def codes(asok: Asok, *words: str) -> list[str]:
    return [each["code"] for each in explained(asok, *words)["reasons"]]


class TestWorkersThatWereNotRead:
    def test_a_queue_may_be_served_by_one_of_them(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        for number in range(MOST):
            work(redis_client, f"w{number}", "default", lease=300)
        # Its lease ends first: the others are read.
        work(redis_client, "last", "mail", lease=60)
        push(redis_client, job(1, "mail"))
        hold(redis_client, "last.1", job(2, "mail"), started_at=server_time(redis_client))
        record(redis_client, "job-2", worker="last.1", queue="mail")
        reason = first(asok, "job-1")
        assert (reason["code"], reason["blocking"]) == ("workers_not_read", False)
        assert reason["evidence"]["not_read"] == (
            "501 names of workers are in Redis, and 500 of them were read"
        )
        held = first(asok, "job-2")
        assert (held["code"], "worker last holds it" in held["text"]) == ("worker_not_read", True)
        ran = asok("explain", "--worker", "last")
        assert ran.code == 2
        assert "501 names of workers are in Redis" in ran.err
        status = asok("worker", "status", "--json").document
        assert status["orphaned"] == 0
        redis_client.zrem(KEYS.workers, "w0")
        assert codes(asok, "--queue", "mail") == []

    @pytest.mark.keeps_keys("asok:workers")
    def test_their_leases_are_not_readable(self, asok: Asok, redis_client: redis.Redis) -> None:
        push(redis_client, job(1))
        redis_client.zadd(KEYS.delayed, {seal(job(2), KEYRING): server_time(redis_client) - 60})
        redis_client.set(KEYS.workers, "not a sorted set")
        reason = first(asok, "job-1")
        assert (reason["code"], reason["blocking"]) == ("workers_not_read", False)
        assert "is not a sorted set" in reason["evidence"]["not_read"]
        late = explained(asok, "job-2")["reasons"]
        assert [each["code"] for each in late[:2]] == ["promotion_late", "worker_not_read"]
        assert "no worker has put it into its queue yet" in late[0]["text"]

    @pytest.mark.parametrize(
        ("value", "why"), [("not a hash", "is not a hash"), (None, "names no queue")]
    )
    def test_the_hash_of_one_is_not_readable(
        self, asok: Asok, redis_client: redis.Redis, value: str | None, why: str
    ) -> None:
        work(redis_client, "w1", "default")
        work(redis_client, "w2", "mail")
        redis_client.delete(KEYS.worker("w2"))
        if value is not None:
            redis_client.set(KEYS.worker("w2"), value, ex=60)
        push(redis_client, job(1, "mail"))
        reason = first(asok, "job-1")
        assert reason["code"] == "queues_not_known"
        assert reason["text"] == (
            f"which queues worker w2 serves is not known: its key asok:worker:w2 {why}"
        )
        assert first(asok, "--worker", "w2")["code"] == "queues_not_known"


class TestHeartbeats:
    def test_a_busy_worker_counts_more_than_one_that_sends_none(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        now = server_time(redis_client)
        work(redis_client, "w1", "default", concurrency=2, processes=1, lease=600)
        work(redis_client, "w2", "default", lease=600, beat_at=now - 20)
        for number in (2, 3):
            hold(redis_client, "w1.1", job(number), started_at=now - 60)
        push(redis_client, job(1))
        found = explained(asok, "job-1")["reasons"]
        assert [each["code"] for each in found] == ["slots_busy", "worker_no_heartbeat"]
        assert found[0]["text"] == "all 2 slots of worker w1 are busy"

    def test_a_worker_with_a_long_lease_sends_them_less_often(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        run_worker("--queues", "default", ASOK_WORKER_LEASE="5m")
        desk.reaches(desk.enqueue("note", "a"), "completed")
        (worker,) = (each.decode() for each in desk.client.zrange(desk.keys.workers, 0, -1))

        def ago() -> float:
            at = float(desk.client.hget(desk.keys.worker(worker), "beat_at") or 0)
            return server_time(desk.client) - at

        wait_until(lambda: ago() > STALE_AFTER + 1, lambda: f"no heartbeat for {ago()} s")
        assert codes(asok, "--worker", worker) == ["nothing_pending"]
        status = asok("worker", "status").out
        assert "stalled" not in status

    def test_of_a_lost_job_it_is_not_known_who_puts_it_back_where_no_worker_sends_any(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        now = server_time(redis_client)
        work(redis_client, "w1", "default", lease=-5, beat_at=now - 35)
        work(redis_client, "w2", "default", lease=600, beat_at=now - 20)
        hold(redis_client, "w1.1", job(1), started_at=now - 60)
        reason = first(asok, "job-1")
        assert reason["code"] == "worker_lost"
        assert reason["text"].endswith(
            "whether a worker runs that returns it to its queue is not known"
        )
        redis_client.hset(KEYS.worker("w2"), "beat_at", now)
        assert first(asok, "job-1")["text"].endswith("the next live worker returns it to its queue")


@pytest.fixture
def operators(redis_url: str) -> Iterator[Callable[[str], RedisOperator]]:
    opened = []

    def make(who: str) -> RedisOperator:
        opened.append(RedisOperator(Endpoint(redis_url), KEYS, KEYRING, who=who))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_who_quieted_a_worker_is_who_changed_it(
    asok: Asok,
    desk: Desk,
    run_worker: RunWorker,
    operators: Callable[[str], RedisOperator],
) -> None:
    run_worker("--queues", "default")
    desk.reaches(desk.enqueue("note", "a"), "completed")
    worker = desk.client.zrange(desk.keys.workers, 0, -1)[0].decode()
    key = desk.keys.worker(worker)
    operators("ann@desk").quiet(worker)
    wait_until(lambda: desk.client.hget(key, "quiet") == b"1", "a heartbeat that says so")
    entry = desk.client.xrevrange(desk.keys.audit, count=1)[0][0]
    # It is quiet already: this changes nothing.
    assert operators("carol@desk").quiet(worker).applied == 0
    reason = first(asok, "--worker", worker)
    assert (reason["code"], reason["evidence"]["by"]) == ("worker_quiet", "ann@desk")
    assert reason["since"] is not None
    assert reason["since"] < (iso((int(entry.split(b"-")[0]) + 1000) / 1000) or "")
    # Another program quiets it after it was resumed.
    operators("carol@desk").resume_worker(worker)
    desk.client.hset(key, "wanted", "quiet")
    reason = first(asok, "--worker", worker)
    assert (reason["code"], reason["evidence"]["by"]) == ("worker_quiet", "not known")
    assert reason["since"] is None


class TestRedisThatRefusesChanges:
    def test_it_is_named_before_the_workers_whose_heartbeats_it_refuses(
        self,
        embedded_redis: Callable[..., EmbeddedRedis],
        asok: Asok,
        run_worker: RunWorker,
        tmp_path: Path,
    ) -> None:
        # Its disk is gone later.
        (tmp_path / "data").mkdir()
        server = embedded_redis("--dir", str(tmp_path / "data"))
        where = ("--url", server.url)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("save", "3600 1")
            run_worker(ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE="1s")
            wait_until(lambda: client.zcard(KEYS.workers), "a worker")
            client.sadd(KEYS.paused, "default")
            push(client, job(1))
            viewer = user_url(client, "viewer", server.url)
            (tmp_path / "data").rmdir()
            client.bgsave()
            wait_until(
                lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "the error"
            )
            wait_until(
                lambda: client.zcount(KEYS.workers, server_time(client) * 1000, "+inf") == 0,
                "that its lease has expired",
            )
            reason = first(asok, "job-1", *where)
            assert (reason["code"], reason["blocking"]) == ("redis_save_failed", True)
            assert "it refuses changes" in reason["text"]
            named = codes(asok, "--queue", "default", *where)
            assert named.index("redis_save_failed") < named.index("worker_stalled")
            # Who may not ask how Redis is configured does not know whether it refuses them.
            found = explained(asok, "--queue", "default", "--url", viewer)["reasons"]
            save = next(each for each in found if each["code"] == "redis_save_failed")
            assert (save["blocking"], save["text"].endswith("it may refuse changes")) == (
                False,
                True,
            )
            assert not next(each for each in found if each["code"] == "worker_stalled")["blocking"]
            client.config_set("stop-writes-on-bgsave-error", "no")
            wait_until(
                lambda: "redis_save_failed" not in codes(asok, "--queue", "default", *where),
                "that it is not said to refuse changes",
            )

    def test_too_few_replicas_are_named(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
    ) -> None:
        server = embedded_redis()
        with redis.Redis.from_url(server.url) as client:
            push(client, job(1))
            work(client, "w1", "default", lease=-5)
            viewer = user_url(client, "viewer", server.url)
            client.config_set("min-replicas-to-write", 1)
            for url in (server.url, viewer):
                reason = first(asok, "job-1", "--url", url)
                assert (reason["code"], reason["blocking"]) == ("redis_lacks_replicas", True)
                assert "has 0: it refuses changes" in reason["text"]
            assert_all_allowed(client, "viewer")


def test_on_a_replica_whose_clock_is_ahead_healthy_workers_are_not_lost(
    embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
) -> None:
    """What the master writes is 40 s old here, however often it does."""
    master = embedded_redis(port=0)
    replica = embedded_redis("--replicaof", "127.0.0.1", str(master.port), port=0)
    with redis.Redis.from_url(master.url) as client:
        now = server_time(client) - 40
        work(client, "w1", "default", lease=-11, beat_at=now - 1)
        push(client, job(1))
        hold(client, "w1.1", job(2), started_at=now - 5)
        client.zadd(KEYS.delayed, {seal(job(3, due_at=now + 30), KEYRING): now + 30})
        assert client.wait(1, 50_000) == 1
    said: dict[str, Any] = {}
    for name in ("job-1", "job-2", "job-3"):
        found = explained(asok, name, "--url", replica.url)["reasons"]
        said[name] = [each["code"] for each in found]
        assert "how workers are that use its master is not known" in found[0]["text"]
    assert said["job-2"] == ["redis_replica"]
    assert said["job-1"] == ["redis_replica"]
    assert said["job-3"] == ["redis_replica", "delayed_by_caller"]
    assert codes(asok, "--worker", "w1", "--url", replica.url) == ["redis_replica"]
