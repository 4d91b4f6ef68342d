"""Records and unique keys live as long as their jobs do, and 24 h more; and none lives forever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, JobStart, Outcome, Verb
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.errors import JobNotFound
from asok_core.jobs.calls import make_call
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.job import Job, new_id
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.elapsed import DAY, HOUR, let_pass
from tests.samples import sample_tasks

KEYS = Keys()
KEYRING = Keyring(SECRET_KEY.encode())
WEEK = 7 * DAY


class LifetimeBench:
    """A producer, a worker's process, its supervisor and an operator on one Redis."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self.client = client
        endpoint = Endpoint(settings.redis_url)
        self.producer = RedisProducer(settings)
        self.operator = RedisOperator(endpoint, KEYS, KEYRING, who="ann@desk")
        self.registry = Registry(endpoint, KEYS)
        self.consumer = Consumer(
            endpoint, KEYS, worker="w", process="w.1", queues=["default"], dlq_max=1000
        )
        self.registry.heartbeat("w", ["default"], {"queues": "default", "processes": 1})

    def close(self) -> None:
        for each in (self.producer, self.operator, self.registry, self.consumer):
            each.close()

    def enqueue(self, **options: Any) -> Job:
        job = Job(new_id(), "m", "f", unique="key", **options)
        assert self.producer.enqueue([job]) == [True]
        return job

    def claim(self) -> Claim:
        (claim,) = self.consumer.cycle((), (), 1).claims
        return claim

    def start(self) -> Claim:
        claim = self.claim()
        job = peek(claim.envelope).job
        assert job is not None
        self.consumer.cycle((), [JobStart(claim, job.id, job.task, started_at=1.0)], 0)
        return claim

    def settle(self, verb: Verb, claim: Claim, *, delay: float = 0.0) -> None:
        job = peek(claim.envelope).job
        assert job is not None
        outcome = Outcome(verb, claim, job.id, unique="key", task=job.task)
        outcome.started_at, outcome.finished_at = 1.0, 2.0
        if verb == "retry":
            outcome.moved, outcome.delay = seal(job.retried(), KEYRING), delay
        if verb == "fail":
            outcome.moved = dead_entry(claim.envelope, failed_at=1.0, error="no")
        assert self.consumer.cycle([outcome], (), 0).settled == [1]

    def now(self) -> float:
        return float(self.client.time()[0])


@pytest.fixture
def bench(
    make_settings: Callable[..., Settings], redis_client: redis.Redis
) -> Iterator[LifetimeBench]:
    made = LifetimeBench(make_settings(), redis_client)
    yield made
    made.close()


def pending(bench: LifetimeBench) -> None:
    bench.enqueue()


def delayed_for_30_days(bench: LifetimeBench) -> None:
    bench.enqueue(due_at=bench.now() + 30 * DAY)


def claimed(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.claim()


def running(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.start()


def retried_in_a_week(bench: LifetimeBench) -> None:
    bench.enqueue(retries=1)
    bench.settle("retry", bench.start(), delay=WEEK)


def returned_unopened(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.settle("return", bench.start())


def promoted(bench: LifetimeBench) -> None:
    bench.enqueue(retries=1)
    bench.settle("retry", bench.start(), delay=0.0)
    assert promote_due(bench.registry.connection, KEYS, by="w").moved == 1


def promoted_by_an_operator(bench: LifetimeBench) -> None:
    bench.enqueue(due_at=bench.now() + HOUR)
    assert bench.operator.promote(Scope(Location.DELAYED)).applied == 1


def recovered(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.start()
    orphaned = OrphanedJobs(bench.registry, crash_limit=3, dlq_max=1000)
    assert orphaned.recover("w.1", "default", charged=()).returned == 1


def moved(bench: LifetimeBench) -> None:
    bench.enqueue()
    assert bench.operator.move(Scope(Location.PENDING, queue="default"), to="low").applied == 1


def requeued(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.settle("fail", bench.start())
    let_pass(bench.client, 3 * DAY)
    assert bench.operator.requeue(Scope(Location.DEAD)).applied == 1


def cancelled_and_restored(bench: LifetimeBench) -> None:
    bench.enqueue()
    done = bench.operator.cancel(Scope(Location.PENDING, queue="default"))
    let_pass(bench.client, 23 * HOUR)
    assert bench.operator.restore(done.operation or "").applied == 1


def purged_and_restored(bench: LifetimeBench) -> None:
    bench.enqueue()
    done = bench.operator.purge(Scope(Location.PENDING, queue="default"))
    let_pass(bench.client, 23 * HOUR)
    assert bench.operator.restore(done.operation or "").applied == 1


def cancelled_and_restored_to_its_time(bench: LifetimeBench) -> None:
    bench.enqueue(due_at=bench.now() + 30 * DAY)
    done = bench.operator.cancel(Scope(Location.DELAYED))
    assert bench.operator.restore(done.operation or "").applied == 1


UNFINISHED = (
    pending,
    delayed_for_30_days,
    claimed,
    running,
    retried_in_a_week,
    returned_unopened,
    promoted,
    promoted_by_an_operator,
    recovered,
    moved,
    requeued,
    cancelled_and_restored,
    purged_and_restored,
    cancelled_and_restored_to_its_time,
)


@pytest.mark.parametrize("story", UNFINISHED, ids=lambda story: story.__name__)
def test_an_unfinished_job_keeps_its_record_and_its_key_for_weeks_after_it_is_due(
    bench: LifetimeBench, story: Callable[[LifetimeBench], None]
) -> None:
    story(bench)
    (record,) = bench.client.keys("asok:job:*")
    due = max(
        (score for _, score in bench.client.zrange(KEYS.delayed, 0, -1, withscores=True)), default=0
    )
    wait = max(0.0, due - bench.now())
    for key in (record, b"asok:unique:key"):
        assert wait + 29 * DAY < bench.client.ttl(key) <= wait + 31 * DAY, key


@pytest.mark.parametrize("verb", ["complete", "fail", "cancel"])
def test_24_h_begin_when_a_job_ends(bench: LifetimeBench, verb: Verb) -> None:
    job = bench.enqueue()
    bench.settle(verb, bench.start())
    assert DAY - 60 < bench.client.ttl(KEYS.job(job.id)) <= DAY
    assert not bench.client.exists("asok:unique:key")


def test_24_h_begin_when_a_job_is_cancelled_or_purged(bench: LifetimeBench) -> None:
    job = bench.enqueue()
    bench.operator.cancel(Scope(Location.PENDING, queue="default"))
    assert bench.client.ttl(KEYS.job(job.id)) <= DAY
    job = bench.enqueue()
    bench.operator.purge(Scope(Location.PENDING, queue="default"))
    assert bench.client.ttl(KEYS.job(job.id)) <= DAY
    assert not bench.client.exists("asok:unique:key")


def test_a_retry_takes_no_key_that_another_job_holds(bench: LifetimeBench) -> None:
    bench.enqueue(retries=1)
    claim = bench.start()
    bench.client.set("asok:unique:key", "another", ex=60)
    bench.settle("retry", claim, delay=WEEK)
    assert bench.client.get("asok:unique:key") == b"another"
    assert bench.client.ttl("asok:unique:key") <= 60


def test_a_record_of_the_framework_lives_as_long(bench: LifetimeBench) -> None:
    job = Job(new_id(), "m", "f", retries=1)
    bench.client.set(KEYS.job(job.id), json.dumps({"status": "pending"}), ex=DAY)
    bench.client.lpush(KEYS.queue("default"), seal(job, KEYRING))
    bench.settle("retry", bench.start(), delay=WEEK)
    assert bench.client.type(KEYS.job(job.id)) == b"string"
    assert bench.client.ttl(KEYS.job(job.id)) > WEEK + 29 * DAY


WAITS = pytest.mark.parametrize(
    ("options", "days"),
    [({}, 3), ({"_delay": 30 * DAY}, 29), ({"_delay": 30 * DAY}, 45)],
    ids=["pending for 3 days", "delayed for 30 days", "due and pending for 15 days"],
)


@WAITS
def test_what_waits_for_days_is_known_and_can_be_cancelled(
    backend: RedisBackend, redis_client: redis.Redis, options: dict[str, Any], days: int
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1, **options))
    let_pass(redis_client, days * DAY)
    record = backend.record(future.job_id)
    assert record is not None
    assert record.function.endswith("sample_tasks.add")
    assert backend.cancel(future.job_id)


@WAITS
def test_what_waits_for_days_holds_its_unique_key(
    backend: RedisBackend, redis_client: redis.Redis, options: dict[str, Any], days: int
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1, _unique="u", **options))
    let_pass(redis_client, days * DAY)
    again = backend.enqueue(make_call(sample_tasks.add, 1, _unique="u", **options))
    assert again.job_id == future.job_id
    assert redis_client.llen("asok:queue") + redis_client.zcard("asok:delayed_tasks") == 1


def test_the_result_of_what_waited_for_days_arrives(
    backend: RedisBackend, bench: LifetimeBench
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    let_pass(bench.client, 3 * DAY)
    # Longer than the watcher takes for a look at the record.
    with pytest.raises(TimeoutError):
        future.result(timeout=1.5)
    claim = bench.start()
    outcome = Outcome("complete", claim, future.job_id, result="7")
    outcome.started_at, outcome.finished_at = 1.0, 2.0
    bench.consumer.cycle([outcome], (), 0)
    assert future.result(timeout=30) == 7


def test_no_key_stays_when_jobs_disappear_and_no_worker_runs(bench: LifetimeBench) -> None:
    bench.enqueue()
    bench.client.delete(KEYS.queue("default"))
    let_pass(bench.client, 31 * DAY)
    assert not bench.client.keys("asok:job:*")
    assert not bench.client.keys("asok:unique:*")


def test_a_record_that_is_gone_says_what_is_known(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    redis_client.delete(KEYS.job(future.job_id))
    with pytest.raises(JobNotFound, match="ASOK_RECORD_TTL"):
        future.result(timeout=30)
