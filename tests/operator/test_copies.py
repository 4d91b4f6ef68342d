"""Copies of the envelope of a job that has ended: no operation on one touches the record of the job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer, Start
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Scope
from asok_core.job import Job
from asok_core.states import Place
from tests.operator.conftest import Bench

GONE = "gone.1"
"""A process of a worker that has no lease."""


def restored(bench: Bench, act: Callable[[RedisOperator], str | None]) -> None:
    operation = act(bench.operator)
    assert bench.operator.restore(operation or "").applied == 1


def cancelled(bench: Bench, job: Job) -> None:
    bench.pend(job)
    scope = Scope(Place.PENDING, queue="default", ids=frozenset([job.id]))
    restored(bench, lambda operator: operator.cancel(scope).operation)


def cancelled_while_delayed(bench: Bench, job: Job) -> None:
    bench.delay(job)
    scope = Scope(Place.DELAYED, ids=frozenset([job.id]))
    restored(bench, lambda operator: operator.cancel(scope).operation)
    bench.operator.promote(scope)


def purged_with_its_queue(bench: Bench, job: Job) -> None:
    bench.pend(job)
    scope = Scope(Place.PENDING, queue="default")
    restored(bench, lambda operator: operator.purge(scope).operation)


def promoted(bench: Bench, job: Job) -> None:
    bench.delay(job)
    assert bench.operator.promote(Scope(Place.DELAYED)).applied == 1


def due(bench: Bench, job: Job) -> None:
    bench.delay(job, due=1.0)
    registry = Registry(Endpoint(bench.url), bench.keys, crash_limit=3, dlq_max=9)
    assert promote_due(registry.link, bench.keys, by="w").moved == 1
    registry.close()


def recovered(bench: Bench, job: Job) -> None:
    bench.pend(job)
    bench.client.lmove("asok:queue", bench.keys.active(GONE, "default"), "LEFT", "LEFT")
    registry = Registry(Endpoint(bench.url), bench.keys, crash_limit=3, dlq_max=9)
    assert registry.recover(GONE, "default", charged=[]).returned == 1
    registry.close()


def moved(bench: Bench, job: Job) -> None:
    bench.pend(job)
    bench.client.lmove("asok:queue", "asok:queue:low", "LEFT", "LEFT")
    assert bench.operator.move(Scope(Place.PENDING, queue="low"), to="default").applied == 1


WAYS = [cancelled, cancelled_while_delayed, purged_with_its_queue, promoted, due, recovered, moved]


@pytest.mark.parametrize("status", ["completed", "failed"])
@pytest.mark.parametrize("way", WAYS)
def test_the_record_of_an_ended_job_survives_whatever_is_done_to_a_copy(
    bench: Bench, way: Callable[[Bench, Job], None], status: str
) -> None:
    job = bench.job(retry_count=0, unique="u")
    known = {"status": status, "ts": "5.0", "result": '"kept"', "queue": "default"}
    bench.client.hset(bench.keys.job(job.id), mapping=known)
    bench.client.expire(bench.keys.job(job.id), 60)
    way(bench, job)
    assert bench.record(job.id) == known
    assert bench.client.ttl(bench.keys.job(job.id)) <= 60
    assert not bench.client.exists("asok:unique:u"), "the key of a job that has ended is free"
    # And a worker knows the copy for what it is, both ways in which it may claim it.
    consumer = Consumer(
        Endpoint(bench.url),
        bench.keys,
        worker="w",
        process="w.1",
        queues=["default"],
        dlq_max=9,
    )
    bench.client.zadd("asok:workers", {"w": 9e15})
    (claim,) = consumer.cycle([], [], 1).claims
    assert claim.spent == 1
    assert consumer.cycle([], [Start(claim, returnable=True)], 0).admitted == [3]
    consumer.close()
