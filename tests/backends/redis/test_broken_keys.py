"""Keys that are broken, or that a user may not read: no job is lost by it, and nothing is made up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from asok_core.backends.redis.audit import read_activity
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.errors import Refused
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY

if TYPE_CHECKING:
    import redis

KEYS = Keys()
KEYRING = Keyring(SECRET_KEY.encode())
WORKER, PROCESS = "w", "w.1"
broken = pytest.mark.keeps_keys(r"asok:(unique|job|crashes|operation):.*")


def job(number: int = 0, **fields: object) -> Job:
    base = {"id": f"job-{number}", "module": "shop", "function": "mail"}
    return Job(**{**base, **fields})  # type: ignore[arg-type]


@pytest.fixture
def endpoint(redis_url: str) -> Endpoint:
    return Endpoint(redis_url)


@pytest.fixture
def consumer(endpoint: Endpoint, redis_client: redis.Redis) -> Iterator[Consumer]:
    redis_client.zadd(KEYS.workers, {WORKER: (time.time() + 600) * 1000})
    made = Consumer(
        endpoint, KEYS, worker=WORKER, process=PROCESS, queues=["default"], dlq_max=1000
    )
    yield made
    made.close()


@pytest.fixture
def orphaned(registry: Registry) -> OrphanedJobs:
    return OrphanedJobs(registry, crash_limit=3, dlq_max=2)


@pytest.fixture
def registry(endpoint: Endpoint, redis_client: redis.Redis) -> Iterator[Registry]:
    del redis_client  # which empties Redis first
    made = Registry(endpoint, KEYS)
    yield made
    made.close()


@pytest.fixture
def forbidden(redis_client: redis.Redis, redis_url: str) -> Iterator[Callable[..., str]]:
    """The URL of a user who may not use some commands."""

    def make(*commands: str) -> str:
        rules = [f"-{each}" for each in commands]
        redis_client.execute_command(
            "ACL", "SETUSER", "curbed", "on", "nopass", "~*", "&*", "+@all", *rules
        )
        scheme, _, rest = redis_url.partition("://")
        return f"{scheme}://curbed:any@{rest}"

    yield make
    redis_client.execute_command("ACL", "DELUSER", "curbed")


def counted(client: redis.Redis, field: str) -> int:
    found = (client.hget(key, field) for key in client.scan_iter("asok:stats:*:m*"))
    return sum(int(each) for each in found if each)


def test_who_may_not_read_what_is_active_is_informed(
    forbidden: Callable[..., str], redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.active(PROCESS, "default"), seal(job(), KEYRING))
    curbed = Consumer(
        Endpoint(forbidden("lrange")),
        KEYS,
        worker=WORKER,
        process=PROCESS,
        queues=["default"],
        dlq_max=9,
    )
    with pytest.raises(Refused, match="ACL"):
        curbed.active()
    curbed.close()


def test_a_record_that_may_not_be_read_is_not_taken_for_none(
    forbidden: Callable[..., str], make_settings: Callable[..., Settings]
) -> None:
    producer = RedisProducer(make_settings(ASOK_REDIS_URL=forbidden("type")))
    with pytest.raises(Refused, match="ACL"):
        producer.record("job-1")
    producer.close()


def test_an_audit_that_may_not_be_read_is_not_taken_for_empty(
    forbidden: Callable[..., str], redis_client: redis.Redis
) -> None:
    redis_client.xadd(KEYS.audit, {"operation": "o", "action": "purge", "applied": "nan"})
    with pytest.raises(Refused, match="ACL"):
        read_activity(Endpoint(forbidden("xrevrange")).connect(), KEYS, 9)


def test_activity_is_read_by_a_user_who_may_not_ask_the_time(
    forbidden: Callable[..., str], redis_client: redis.Redis
) -> None:
    fields = {"operation": "o", "action": "purge", "applied": "nan", "refused:x": "inf", "at": "9"}
    redis_client.xadd(KEYS.audit, fields)  # type: ignore[arg-type]
    redis_client.rpush(KEYS.trash("o"), "x")
    redis_client.expire(KEYS.trash("o"), 60)
    (found,) = read_activity(Endpoint(forbidden("time")).connect(), KEYS, 9)
    assert (found.action, found.applied, found.in_trash) == ("purge", 0, 1)
    assert found.trash_until is not None


def test_a_crash_counter_that_is_not_a_number_counts_as_none(
    consumer: Consumer, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.crashes("job-0"), "many", ex=60)
    redis_client.set(KEYS.crashes("job-1"), "2", ex=60)
    assert consumer.crashes(["job-0", "job-1", "job-2"]) == [0, 2, 0]
    redis_client.set(KEYS.crashes("job-0"), "9" * 5000, ex=60)
    redis_client.set(KEYS.crashes("job-1"), "nan", ex=60)
    assert consumer.crashes(["job-0", "job-1"]) == [0, 0]


@pytest.mark.parametrize("spoil", ["unique", "record"])
@broken
def test_one_spoiled_key_does_not_hold_up_the_rest_of_a_batch(
    consumer: Consumer, redis_client: redis.Redis, spoil: str
) -> None:
    if spoil == "unique":
        redis_client.rpush(KEYS.unique("u"), "x")
    else:
        redis_client.set(KEYS.job("job-0"), '{"status": "running", "ts": 1e999}')
    claims = []
    for number in range(3):
        envelope = seal(job(number), KEYRING)
        redis_client.lpush(KEYS.active(PROCESS, "default"), envelope)
        claims.append(Claim("default", envelope))
    outcomes = [
        Outcome("complete", claim, f"job-{at}", unique="u", started_at=1.0, finished_at=2.0)
        for at, claim in enumerate(claims)
    ]
    assert consumer.cycle(outcomes, (), 0).settled == [1, 1, 1]
    assert redis_client.llen(KEYS.active(PROCESS, "default")) == 0
    assert counted(redis_client, "completed") == 3
    if spoil == "record":
        record = redis_client.get(KEYS.job("job-0"))
        assert isinstance(record, bytes)
        assert json.loads(record)["status"] == "completed"


def test_a_job_is_not_charged_again_while_its_queue_is_no_list(
    orphaned: OrphanedJobs, redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.active(PROCESS, "default"), seal(job(), KEYRING))
    redis_client.set(KEYS.queue("default"), "not a list")
    for _ in range(5):
        assert orphaned.recover(PROCESS, "default", charged=["job-0"]).returned == 0
    redis_client.delete(KEYS.queue("default"))
    assert orphaned.recover(PROCESS, "default", charged=["job-0"]).returned == 1
    assert redis_client.get(KEYS.crashes("job-0")) == b"1"


@pytest.mark.parametrize(
    "count", ["many", "nan", "inf", "1e99", "-5", pytest.param("9" * 5000, id="long")]
)
def test_a_spoiled_crash_counter_does_not_keep_a_job_from_coming_back(
    orphaned: OrphanedJobs, redis_client: redis.Redis, count: str
) -> None:
    redis_client.lpush(KEYS.active(PROCESS, "default"), seal(job(), KEYRING))
    redis_client.set(KEYS.crashes("job-0"), count, ex=60)
    assert orphaned.recover(PROCESS, "default", charged=["job-0"]).returned == 1
    assert redis_client.get(KEYS.crashes("job-0")) == b"1"


def test_dead_jobs_of_a_recovery_keep_the_cap_and_are_counted(
    orphaned: OrphanedJobs, redis_client: redis.Redis, endpoint: Endpoint
) -> None:
    for number in range(5):
        redis_client.lpush(KEYS.active(PROCESS, "default"), seal(job(number), KEYRING))
        redis_client.set(KEYS.crashes(f"job-{number}"), "2", ex=60)
    charged = [f"job-{number}" for number in range(5)]
    total = orphaned.recover(PROCESS, "default", charged=charged)
    assert (total.dead, total.dropped) == (5, 3)
    assert redis_client.llen(KEYS.dead) == 2
    assert (counted(redis_client, "dead"), counted(redis_client, "dropped")) == (5, 3)
    reader = RedisReader(endpoint, KEYS)
    assert sum(each.dropped for each in reader.history("default", 60, 2)) == 3
    reader.close()


def test_a_large_job_whose_id_is_no_text_is_listed(
    endpoint: Endpoint, redis_client: redis.Redis
) -> None:
    fields = {"args": ["x" * 100_000], "function": "f", "id": "\ud800", "kwargs": {}, "module": "m"}
    redis_client.zadd(KEYS.delayed, {json.dumps(fields): 1.0})
    reader = RedisReader(endpoint, KEYS)
    (row,) = reader.delayed(0, 9).rows
    assert row.partial
    assert row.payload.id == ""
    reader.close()


def test_what_a_promotion_rejects_drops_no_dead_job(
    registry: Registry, redis_client: redis.Redis
) -> None:
    failed = [
        dead_entry(seal(job(number), KEYRING), failed_at=number, error="no") for number in range(2)
    ]
    redis_client.lpush(KEYS.dead, *failed)
    redis_client.zadd(KEYS.delayed, {f"nonsense {number}": number for number in range(5)})
    assert promote_due(registry.connection, KEYS, by="w").moved == 5
    assert redis_client.llen(KEYS.dead) == 7
    assert redis_client.lrange(KEYS.dead, -2, -1) == failed[::-1]
    assert (counted(redis_client, "dead"), counted(redis_client, "dropped")) == (5, 0)


@pytest.mark.keeps_keys("asok:queues")
def test_the_names_of_queues_are_not_worth_a_job(
    registry: Registry, redis_client: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    redis_client.set(KEYS.queues, "not a set")
    producer = RedisProducer(make_settings())
    assert producer.enqueue([job(1)]) == [True]
    redis_client.zadd(KEYS.delayed, {seal(job(2), KEYRING): 1.0})
    assert promote_due(registry.connection, KEYS, by="w").moved == 1
    assert registry.heartbeat(WORKER, ["default"], {"host": "h"}).requested == ""
    assert redis_client.llen(KEYS.queue("default")) == 2
    producer.close()


def test_a_batch_with_a_queue_that_is_not_a_list_leaves_nothing_behind(
    redis_client: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    redis_client.set(KEYS.queue("bad"), "not a list", ex=60)
    producer = RedisProducer(make_settings())
    with pytest.raises(Refused, match="asok:queue:bad is a string"):
        producer.enqueue([job(1), job(2, queue="bad"), job(3)])
    assert redis_client.keys("asok:*") == [b"asok:queue:bad"]
    producer.close()


def test_a_worker_hash_that_is_not_text_does_not_end_the_supervisor(
    registry: Registry, redis_client: redis.Redis
) -> None:
    redis_client.hset(KEYS.worker(WORKER), "wanted", b"\xff\xfe")
    registry.heartbeat(WORKER, ["default"], {"host": "h"})


def test_a_lease_that_is_not_text_holds_up_no_recovery(
    registry: Registry, redis_client: redis.Redis
) -> None:
    redis_client.zadd(KEYS.workers, {b"\xff%d" % number: number for number in range(150)})
    redis_client.zadd(KEYS.workers, {"dead-worker": 1000})
    seen: set[str] = set()
    for _ in range(3):
        seen.update(each.worker for each in registry.check_leases(WORKER).expired)
    assert seen == {"dead-worker"}


def test_a_worker_hash_that_names_a_million_lists_is_not_believed(
    orphaned: OrphanedJobs, redis_client: redis.Redis
) -> None:
    names = ",".join(f"q{number}" for number in range(100_000))
    redis_client.hset(KEYS.worker(WORKER), mapping={"queues": names, "processes": "1000"})
    redis_client.expire(KEYS.worker(WORKER), 60)
    redis_client.lpush(KEYS.active(PROCESS, "q7"), dead_entry(b"x", failed_at=0.0, error=""))
    assert orphaned.lists_of(WORKER) == [(PROCESS, "q7")]


@pytest.mark.parametrize("delay", [None, 60.0])
def test_a_queue_that_is_not_a_list_is_named_and_nothing_is_written(
    delay: float | None, make_settings: Callable[..., Settings], redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.queue("default"), "spoiled", ex=60)
    producer = RedisProducer(make_settings())
    due = None if delay is None else time.time() + delay
    with pytest.raises(Refused, match="asok:queue is a string and should be a list"):
        producer.enqueue([job(due_at=due)])
    producer.close()
    assert redis_client.keys("*") == [b"asok:queue"]
