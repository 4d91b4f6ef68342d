"""Copies of the envelope of a job that has ended: no operation on one touches the record of the job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import JobStart
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.flags import EndedFlag, StartFlag
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import Trust
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from tests.fixtures.bench import KEYRING, Bench, foreign_dead_job, job_id
from tests.reviewing import review_at

GONE = "gone.1"
"""A process of a worker that has no lease."""


def restored(bench: Bench, act: Callable[[RedisOperator], str | None]) -> None:
    operation = act(bench.operator)
    assert bench.operator.restore(operation or "").applied == 1


def cancelled(bench: Bench, job: Job) -> None:
    bench.add_pending(job)
    scope = Scope(Location.PENDING, queue="default", ids=frozenset([job.id]))
    restored(bench, lambda operator: operator.cancel(scope).operation)


def cancelled_while_delayed(bench: Bench, job: Job) -> None:
    bench.delay(job)
    scope = Scope(Location.DELAYED, ids=frozenset([job.id]))
    restored(bench, lambda operator: operator.cancel(scope).operation)
    bench.operator.promote(scope)


def purged_with_its_queue(bench: Bench, job: Job) -> None:
    bench.add_pending(job)
    scope = Scope(Location.PENDING, queue="default")
    restored(bench, lambda operator: operator.purge(scope).operation)


def promoted(bench: Bench, job: Job) -> None:
    bench.delay(job)
    assert bench.operator.promote(Scope(Location.DELAYED)).applied == 1


def due(bench: Bench, job: Job) -> None:
    bench.delay(job, due=1.0)
    registry = Registry(Endpoint(bench.url), bench.keys)
    assert promote_due(registry.connection, bench.keys, by="w").moved == 1
    registry.close()


def recovered(bench: Bench, job: Job) -> None:
    bench.add_pending(job)
    bench.client.lmove("asok:queue", bench.keys.active(GONE, "default"), "LEFT", "LEFT")
    registry = Registry(Endpoint(bench.url), bench.keys)
    orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=9)
    assert orphaned.recover(GONE, "default", charged=[]).returned == 1
    registry.close()


def moved(bench: Bench, job: Job) -> None:
    bench.add_pending(job)
    bench.client.lmove("asok:queue", "asok:queue:low", "LEFT", "LEFT")
    assert bench.operator.move(Scope(Location.PENDING, queue="low"), to="default").applied == 1


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
    assert claim.ended_before == EndedFlag.ENDED
    assert consumer.cycle([], [JobStart(claim, returnable=True)], 0).started == [StartFlag.ENDED]
    consumer.close()


COPY = {
    "completed": "its job has completed: this is a copy",
    "cancelled": "its job was cancelled: this is a copy",
}


RESULTS = {"text": '"kept"', "half of a pair": r'"\ud800"', "deep": "[" * 1001 + "]" * 1001}
"""Results in a record that is JSON as the framework writes it; Redis decodes the first alone."""


def framework_record(status: str, result: str) -> str:
    return f'{{"status": "{status}", "result": {result}, "error": null, "ts": 5.0}}'


@pytest.mark.parametrize("form", ["hash", *RESULTS])
@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize("status", COPY)
def test_a_copy_of_an_ended_job_among_the_dead_is_not_requeued(
    bench: Bench, form: str, front: bool, status: str
) -> None:
    refused = {COPY[status]: 1}
    job, other = bench.job(), bench.job()
    copy, _ = bench.add_dead(job, other)
    known: dict[str, Any] = {"status": status, "ts": 5.0, "result": '"kept"'}
    key = bench.keys.job(job.id)
    if form == "hash":
        bench.client.hset(key, mapping=known)
    else:
        bench.client.set(key, framework_record(status, RESULTS[form]))
    bench.client.expire(key, 60)
    before = bench.client.dump(key)
    result = bench.operator.requeue(Scope(Location.DEAD), front=front)
    assert (result.applied, result.skipped, result.refused) == (1, {}, refused)
    one = Scope(Location.DEAD, ids=frozenset((job.id,)))
    for again in (
        bench.operator.requeue(one),
        # A review is of what has no good signature; this copy has one.
        bench.operator.requeue(one, trust=review_at(bench.url, KEYRING, one).reviewed),
        bench.operator.edit(copy, ["new"], {}),
    ):
        assert (again.applied, again.refused) == (0, refused)
    assert bench.dead() == [copy]
    assert [job_id(raw) for raw in bench.pending()] == [other.id]
    assert bench.client.dump(key) == before


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("way", WAYS)
def test_the_framework_s_record_of_an_ended_job_survives_as_it_is(
    bench: Bench, way: Callable[[Bench, Job], None], result: str
) -> None:
    job = bench.job(retry_count=0)
    record = framework_record("completed", result).encode()
    bench.client.set(bench.keys.job(job.id), record, ex=60)
    way(bench, job)
    assert bench.client.get(bench.keys.job(job.id)) == record
    assert bench.client.ttl(bench.keys.job(job.id)) <= 60


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_purge_and_a_restore_of_a_copy_leave_the_result_in_the_framework_s_record(
    bench: Bench, result: str
) -> None:
    job = bench.job()
    bench.add_dead(job)
    key, record = bench.keys.job(job.id), framework_record("completed", result)
    bench.client.set(key, record, ex=60)
    for _ in range(2):
        scope = Scope(Location.DEAD, ids=frozenset((job.id,)))
        restored(bench, lambda operator, scope=scope: operator.purge(scope).operation)  # type: ignore[misc]
    kept = bench.client.get(key).decode()
    assert kept.startswith(record[:-1])
    assert bench.client.ttl(key) <= 60
    if result == RESULTS["text"]:
        verbs = [json.loads(line)[1] for line in json.loads(kept)["moves"].split("\n")]
        assert verbs == ["purge", "restore", "purge", "restore"]
        assert kept.count('"moves"') == 1


@pytest.mark.parametrize("status", COPY)
def test_an_unsigned_copy_of_an_ended_job_is_requeued_after_a_review(
    bench: Bench, status: str
) -> None:
    job = bench.job()
    bench.client.lpush("asok:dlq", foreign_dead_job(job, 5.0))
    bench.client.hset(bench.keys.job(job.id), mapping={"status": status})
    everything = Scope(Location.DEAD)
    assert bench.operator.requeue(everything).refused == {Trust.UNSIGNED.value: 1}
    reviewed = review_at(bench.url, KEYRING, everything).reviewed
    assert bench.operator.requeue(everything, trust=reviewed).applied == 1
    assert [job_id(raw) for raw in bench.pending()] == [job.id]
