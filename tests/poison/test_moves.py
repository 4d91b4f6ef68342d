"""What moves jobs meets poisoned keys in the middle of its work: the rest is moved, and audited."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import Renewal
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.records import UNREADABLE
from asok_core.backends.roles import Scope
from asok_core.jobs.calls import make_call
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.fixtures.bench import KEYRING, Bench
from tests.poison.poisons import Target, poisons
from tests.programs import PATIENCE
from tests.samples import sample_tasks

KEYS = Keys()
WORKER, PROCESS = "w", "w.1"


def job(number: int, **fields: object) -> Job:
    base = {"id": f"job-{number}", "module": "shop", "function": "mail"}
    return Job(**{**base, **fields})  # type: ignore[arg-type]


@pytest.fixture
def consumer(redis_url: str, redis_client: redis.Redis) -> Iterator[Consumer]:
    redis_client.zadd(KEYS.workers, {WORKER: (time.time() + 600) * 1000})
    made = Consumer(
        Endpoint(redis_url), KEYS, worker=WORKER, process=PROCESS, queues=["a", "b"], dlq_max=99
    )
    yield made
    made.close()


@pytest.fixture
def registry(redis_url: str, redis_client: redis.Redis) -> Iterator[Registry]:
    del redis_client  # which empties Redis first
    made = Registry(Endpoint(redis_url), KEYS)
    yield made
    made.close()


@pytest.mark.keeps_keys(r"asok:active:.*")
@pytest.mark.parametrize("verb", ["complete", "retry", "fail", "return"])
def test_an_active_list_of_another_type_costs_its_own_jobs_only(
    consumer: Consumer, redis_client: redis.Redis, verb: str
) -> None:
    for queue, number in (("a", 1), ("b", 2)):
        redis_client.lpush(KEYS.queue(queue), seal(job(number, queue=queue), KEYRING))
    lost, kept = consumer.cycle([], [], 2).claims
    redis_client.set(KEYS.active(PROCESS, "a"), "word")
    outcomes = [
        Outcome(verb, claim, id=f"job-{at}", moved=claim.envelope, started_at=1.0, finished_at=2.0)  # type: ignore[arg-type]
        for at, claim in enumerate((lost, kept), 1)
    ]
    turn = consumer.cycle(outcomes, [], 0)
    assert turn.settled == [0, 1]
    assert redis_client.exists(KEYS.active(PROCESS, "b")) == 0


@pytest.mark.keeps_keys(r"asok:active:.*", r"asok:job:.*")
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
def test_progress_is_written_beside_poisoned_records(
    consumer: Consumer, redis_client: redis.Redis, *, noted: bool
) -> None:
    """A report meets whatever another program wrote there, and the job beside it is still claimed."""
    poisoned, key = job(1, queue="a"), KEYS.job("job-1")
    envelope = seal(poisoned, KEYRING)
    row = TaskReport("a", b"" if noted else envelope, "job-1", "5.000000", "[]", "")
    for poison in poisons("job", Target(WORKER, "job-1", "a", "operation", "machine")):
        redis_client.delete(key, KEYS.active(PROCESS, "a"), KEYS.queue("b"))
        redis_client.lpush(KEYS.active(PROCESS, "a"), envelope)
        poison.write(redis_client)
        redis_client.lpush(KEYS.queue("b"), seal(job(2, queue="b"), KEYRING))
        (claimed,) = consumer.cycle([], [], 1, reports=[row]).claims
        assert claimed.queue == "b"
        consumer.cycle([Outcome("return", claimed)], [], 0)


@pytest.mark.keeps_keys(r"asok:active:.*")
def test_a_dead_worker_is_recovered_beside_an_active_list_of_another_type(
    registry: Registry, redis_client: redis.Redis
) -> None:
    envelope = seal(job(1, queue="b"), KEYRING)
    redis_client.set(KEYS.active("ghost.1", "a"), "word")
    redis_client.lpush(KEYS.active("ghost.1", "b"), envelope)
    for queue in ("a", "b"):
        OrphanedJobs(registry, crash_limit=3, dlq_max=2).recover("ghost.1", queue)
    assert redis_client.lrange(KEYS.queue("b"), 0, -1) == [envelope]
    lists = [KEYS.active("ghost.1", queue) for queue in ("a", "b")]
    assert registry.leave("ghost", lists), "what is no list holds no job"


@pytest.mark.keeps_keys("asok:paused")
def test_jobs_are_claimed_where_the_paused_queues_are_no_set(
    consumer: Consumer, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.paused, "word")
    envelope = seal(job(1, queue="a"), KEYRING)
    redis_client.lpush(KEYS.queue("a"), envelope)
    assert consumer.cycle([], [], 1).claims == [Claim("a", envelope)]


def test_a_worker_whose_hash_is_of_another_type_is_seen_again(
    registry: Registry, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.worker(WORKER), "word", ex=60)
    assert registry.heartbeat(WORKER, ["a"], {"host": "h"}).requested == ""
    assert redis_client.hget(KEYS.worker(WORKER), "host") == b"h"


def test_a_sum_that_is_not_a_number_leaves_no_batch_half_moved(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(3)))
    poisoned = []

    def poison(_progress: object) -> bool:
        (key,) = bench.client.scan_iter("asok:operation:*")
        poisoned.append(key)
        fields = {b"applied": b"nan", b"refused:x": b"9" * 5000}
        bench.client.hset(key, mapping=fields)
        return True

    scope = Scope(Location.DEAD, match=lambda row: True)
    result = bench.operator.purge(scope, watch=poison)
    assert result.applied == 3
    assert poisoned
    assert bench.dead() == []
    assert len(bench.trash(result.operation)) == 3


@pytest.mark.parametrize("at", [b"nan", b"inf", b"9" * 5000, b"word", b"-1e999"])
def test_what_has_no_location_now_is_restored_nevertheless(bench: Bench, at: bytes) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(3)))
    ids = frozenset({"job-000000", "job-000001"})
    purged = bench.operator.purge(Scope(Location.DEAD, ids=ids))
    locations = bench.keys.trash_positions(purged.operation or "")
    bench.client.lset(locations, 0, at)
    assert bench.operator.restore(purged.operation or "").applied == 2
    assert sorted(bench.dead()) == sorted(dead_jobs)


@pytest.mark.parametrize("at", [b"nan", b"inf", b"9" * 5000, b"word"])
def test_a_delayed_job_that_has_no_time_now_is_restored_and_due(bench: Bench, at: bytes) -> None:
    bench.delay(bench.job())
    cancelled = bench.operator.cancel(Scope(Location.DELAYED, ids=frozenset({"job-000000"})))
    bench.client.lset(bench.keys.trash_positions(cancelled.operation or ""), 0, at)
    assert bench.operator.restore(cancelled.operation or "").applied == 1
    ((_, due),) = bench.client.zrange(bench.keys.delayed, 0, -1, withscores=True)
    assert due <= bench.client.time()[0] + 1


@pytest.mark.parametrize("value", ["1e17", "nan", "9" * 5000, "1e999"])
def test_a_renewal_that_began_in_the_future_begins_again(
    redis_url: str, redis_client: redis.Redis, value: str
) -> None:
    # With the last round in the future, records of live jobs would look forgotten.
    live = KEYS.job("live")
    redis_client.hset(live, mapping={"status": "pending"})
    redis_client.expire(live, 20 * 86_400)
    redis_client.hset(KEYS.renewal, mapping={"began": value, "last": value, "place": "*"})
    redis_client.expire(KEYS.renewal, 60)
    done = Renewal(KEYS, "w").step(Endpoint(redis_url).connect())
    assert done.lost == 0
    assert redis_client.ttl(live) > 19 * 86_400
    assert done.wait <= 60


@pytest.mark.parametrize("ttl", [None, 10**9])
def test_a_lock_on_the_renewal_that_is_not_released_is_taken(
    redis_url: str, redis_client: redis.Redis, ttl: int | None
) -> None:
    redis_client.set(KEYS.renewing, "word", ex=ttl)
    Renewal(KEYS, "w").step(Endpoint(redis_url).connect())
    assert 0 < redis_client.pttl(KEYS.renewing) <= 3_600_000


@pytest.mark.parametrize("value", ["1" + "0" * 400, "9" * 5000, "[" * 960 + "]" * 960, "NaN"])
def test_one_poisoned_record_keeps_no_other_result_from_arriving(
    make_settings: Callable[..., Settings], redis_client: redis.Redis, value: str
) -> None:
    backend = RedisBackend(make_settings())
    spoiled, other = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(2)])
    poison = f'{{"status": "running", "ts": {value}, "started_at": {value}}}'
    redis_client.set(KEYS.job(spoiled.job_id), poison, ex=600)
    assert not spoiled.done()
    assert not other.done()
    for future in (other, spoiled):
        # At once: a reader in between would find no record, and give the result up.
        with redis_client.pipeline() as together:
            together.delete(KEYS.job(future.job_id))
            together.hset(KEYS.job(future.job_id), mapping={"status": "completed", "result": "1"})
            together.expire(KEYS.job(future.job_id), 600)
            together.publish(KEYS.done(future.job_id), "completed")
            together.execute()
        assert future.result(PATIENCE) == 1
    backend.shutdown(wait=True, timeout=None)


def test_a_record_that_is_not_json_is_unreadable_and_written_again_when_its_job_ends(
    consumer: Consumer, redis_client: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    envelope = seal(job(1, queue="a"), KEYRING)
    redis_client.lpush(KEYS.queue("a"), envelope)
    (claim,) = consumer.cycle([], [], 1).claims
    redis_client.set(KEYS.job("job-1"), "{", ex=60)
    backend = RedisBackend(make_settings())
    record = backend.record("job-1")
    assert record is not None
    assert record.status == UNREADABLE
    outcome = Outcome("complete", claim, id="job-1", started_at=1.0, finished_at=2.0, result="7")
    assert consumer.cycle([outcome], [], 0).settled == [1]
    assert json.loads(redis_client.get(KEYS.job("job-1")) or b"")["status"] == "completed"
    backend.shutdown(wait=True, timeout=None)
