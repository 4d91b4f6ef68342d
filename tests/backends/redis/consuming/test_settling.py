"""Many outcomes settled in one step read and count as if each had been settled alone."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.leases import Recover, RecoveredJob
from asok_core.backends.redis.calls.producing import CancelRunning
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.constants import SAME_RELEASE
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.job import NOT_KEPT

KEYS = Keys()
QUEUES = ("default", "low")
NOW = 1_700_000_000.0
RESULTS = st.sampled_from([("null", ""), ("7", ""), ('"x"', ""), ("", ""), ("", "too large")])


@dataclass(frozen=True)
class Ended:
    """A job whose run has ended. ``record`` is what Redis says of it before: as it was enqueued, as it was
    noted as running, in the framework's form, or nothing."""

    verb: str
    queue: str
    task: str
    retries: int
    retry_count: int
    unique: bool
    result: tuple[str, str]
    result_type: str
    run_us: int
    kept: float
    lost: bool
    record: str


ENDED = st.builds(
    Ended,
    verb=st.sampled_from(["complete"] * 6 + ["cancel", "retry"]),
    queue=st.sampled_from(QUEUES),
    task=st.sampled_from(["m.f", "m.g"]),
    retries=st.sampled_from([0, 2]),
    retry_count=st.sampled_from([0, 0, 0, 1]),
    unique=st.sampled_from([False, False, False, True]),
    result=RESULTS,
    result_type=st.sampled_from(["", "", "datetime.date"]),
    run_us=st.sampled_from([0, 400, 600, 1_000, 3_000_000, 86_400_000_000]),
    kept=st.sampled_from([3600.0, 3600.5]),
    lost=st.sampled_from([False, False, False, True]),
    record=st.sampled_from(["fresh", "running", "json", "none"]),
)


@pytest.fixture
def consumer(redis_url: str) -> Iterator[Consumer]:
    made = consumer_of(redis_url)
    yield made
    made.close()


def consumer_of(redis_url: str, release: str = "") -> Consumer:
    """That of a process which runs this release of the application."""
    return Consumer(
        Endpoint(redis_url),
        KEYS,
        worker="w",
        process="w.1",
        queues=QUEUES,
        dlq_max=100,
        release=release,
    )


@pytest.fixture
def consumers(redis_url: str) -> Iterator[dict[str, Consumer]]:
    made = {release: consumer_of(redis_url, release) for release in ("", "4f2a1c", SAME_RELEASE)}
    yield made
    for each in made.values():
        each.close()


def prepare(client: Any, at: int, ended: Ended) -> Outcome:
    """Let a process hold the job, unless it has lost it, and make the outcome of its run."""
    job, envelope = f"job-{at}", f"envelope {at}".encode()
    if not ended.lost:
        client.lpush(KEYS.active("w.1", ended.queue), envelope)
    if ended.unique:
        client.set(KEYS.unique(job), job, ex=600)
    fresh = {
        "status": "pending",
        "function": ended.task,
        "queue": ended.queue,
        "ts": f"{NOW:.6f}",
        "enqueued_at": f"{NOW:.6f}",
        "retry_count": "0",
        "retries": ended.retries,
    }
    if ended.record == "running":
        fresh |= {"status": "running", "started_at": f"{NOW + 1:.6f}", "worker": "w.1"}
        fresh |= {"release": "earlier"}
    if ended.record in ("fresh", "running"):
        client.hset(KEYS.job(job), mapping=fresh)
        client.expire(KEYS.job(job), 600)
    elif ended.record == "json":
        client.set(KEYS.job(job), '{"status": "pending", "release": "earlier"}', ex=600)
    completed = ended.verb == "complete"
    result, problem = ended.result if completed else ("", "")
    return Outcome(
        ended.verb,  # type: ignore[arg-type] # one of the verbs
        Claim(ended.queue, envelope),
        job,
        moved=b"" if ended.verb != "retry" else envelope,
        delay=60.0,
        unique=job if ended.unique else "",
        task=ended.task,
        retries=ended.retries,
        retry_count=ended.retry_count,
        started_at=NOW + at + 0.123457,
        finished_at=0.0 if ended.verb == "retry" else NOW + at + 0.123457 + ended.run_us / 1e6,
        result=result,
        result_type=ended.result_type if result else "",
        result_error=problem,
        error="Trace\nValueError: no" if ended.verb == "retry" else "",
        run_us=ended.run_us,
        wait_us=1_500_000,
        error_line="ValueError: no" if ended.verb == "retry" else "",
        kept=ended.kept,
    )


@pytest.mark.parametrize("end", ["retry", "postpone", "return", "fail", "reject", "crash"])
def test_a_request_to_stop_is_for_one_attempt(
    consumer: Consumer, redis_client: Any, end: str
) -> None:
    """The worker that finds it with its next heartbeat may run the next attempt by then."""
    redis_client.zadd(KEYS.workers, {"w": (time.time() + 600) * 1000})
    ended = Ended("retry", "low", "m.f", 2, 0, False, ("", ""), "", 9, 600, False, "running")
    outcome = prepare(redis_client, 0, ended)
    outcome.verb = end  # type: ignore[assignment] # one of the verbs, or not used
    redis_client.sadd(KEYS.cancels("w"), "job-0", "job-1")
    redis_client.expire(KEYS.cancels("w"), 600)
    if end == "crash":
        job = RecoveredJob(outcome.claim.envelope, "job-0", 3, b"dead", "m.f", "", "")
        call = Recover(
            ns="asok", process="w.1", queue="low", guard="", by="", dlq_max=9, jobs=[job]
        )
        assert consumer.connection.run(call).returned == 1
    else:
        assert consumer.cycle([outcome], (), 0).settled == [1]
    assert redis_client.smembers(KEYS.cancels("w")) == {b"job-1"}


@pytest.mark.parametrize(("status", "asked"), [("running", 1), ("retrying", 0), ("failed", 0)])
def test_an_attempt_that_was_settled_meanwhile_is_not_asked_to_stop(
    consumer: Consumer, redis_client: Any, status: str, asked: int
) -> None:
    redis_client.hset(KEYS.job("job-0"), mapping={"status": status, "worker": "w.1"})
    redis_client.expire(KEYS.job("job-0"), 600)
    consumer.connection.run(CancelRunning(ns="asok", job_id="job-0", process="w.1"))
    assert redis_client.scard(KEYS.cancels("w")) == asked


def octave(seconds: float) -> int:
    """Quarter octaves of a millisecond, as the statistics count them."""
    return math.ceil(math.log2(seconds * 1000) * 4) if seconds > 0.001 else 0


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batch=st.lists(ENDED, min_size=1, max_size=8), release=st.sampled_from(["", "4f2a1c"]))
def test_a_batch_reads_and_counts_as_its_outcomes_say(
    consumers: dict[str, Consumer], redis_client: Any, batch: list[Ended], release: str
) -> None:
    consumer = consumers[release]
    redis_client.flushall()
    redis_client.zadd(KEYS.workers, {"w": (time.time() + 600) * 1000})
    outcomes = [prepare(redis_client, at, ended) for at, ended in enumerate(batch)]
    before = [redis_client.dump(KEYS.job(outcome.id)) for outcome in outcomes]

    turn = consumer.cycle(outcomes, (), 0)

    assert turn.settled == [0 if ended.lost else 1 for ended in batch]
    assert not any(redis_client.llen(KEYS.active("w.1", queue)) for queue in QUEUES)
    settled = [pair for pair in zip(batch, outcomes, strict=True) if not pair[0].lost]
    assert redis_client.zcard(KEYS.delayed) == sum(e.verb == "retry" for e, _ in settled)
    over = [outcome.id for ended, outcome in settled if ended.verb != "retry"]
    assert [each.decode() for each in redis_client.lrange(KEYS.recent, 0, -1)] == over[::-1]
    for ended, outcome, former in zip(batch, outcomes, before, strict=True):
        record = read_bounded_records(consumer.connection, KEYS, [outcome.id]).get(outcome.id)
        holds_key = redis_client.exists(KEYS.unique(outcome.id)) == 1
        if ended.lost:
            assert redis_client.dump(KEYS.job(outcome.id)) == former
            assert holds_key == ended.unique
            continue
        assert record is not None
        assert (record.function, record.queue) == (ended.task, ended.queue)
        assert (record.retries, record.retry_count) == (ended.retries, ended.retry_count)
        assert (record.worker, record.foreign) == ("w.1", ended.record == "json")
        assert record.release == (release or None)
        assert record.started_at == pytest.approx(outcome.started_at, abs=1e-6)
        assert record.status == {"complete": "completed", "cancel": "cancelled"}.get(
            ended.verb, "retrying"
        )
        assert holds_key == (ended.unique and ended.verb == "retry")
        if ended.record in ("fresh", "running"):
            assert record.enqueued_at == NOW
        if ended.verb != "complete":
            continue
        result, problem = ended.result
        assert record.finished_at == record.ts == pytest.approx(outcome.finished_at, abs=1e-6)
        # JSON has one word for no result and for the result None.
        assert record.result == (
            None if ended.record == "json" and result == "null" else result or None
        )
        assert record.result_type == ((ended.result_type if result else "") or None)
        assert record.result_error == (None if result else problem or NOT_KEPT)
        assert 0 <= math.ceil(ended.kept) - redis_client.ttl(KEYS.job(outcome.id)) < 300
        if ended.record != "json":
            attempts = redis_client.hget(KEYS.job(outcome.id), "attempts") or b""
            assert len(attempts.splitlines()) == (ended.retry_count > 0)

    counted: Counter[str] = Counter()
    for key in redis_client.scan_iter("asok:stats:*:m*"):
        queue = key.decode().split(":")[2]
        for field, count in redis_client.hgetall(key).items():
            counted[f"{queue} {field.decode()}"] += int(count)
    expected: Counter[str] = Counter()
    for ended, _ in settled:
        run_ms = ended.run_us / 1000
        names = {"complete": ["completed"], "retry": ["failed", "retried"], "cancel": ["cancelled"]}
        names[ended.verb] += [f"run_b{octave(ended.run_us / 1e6)}", f"wait_b{octave(1.5)}"]
        for name in names[ended.verb]:
            expected[f"{ended.queue} {name}"] += 1
        expected[f"{ended.queue} run_ms"] += math.floor(run_ms + 0.5)
        expected[f"{ended.queue} wait_ms"] += 1500
    assert counted == +expected


@pytest.mark.parametrize(
    ("form", "kept"), [("fresh", None), ("running", "earlier"), ("json", "earlier")]
)
def test_an_outcome_of_a_dead_process_leaves_the_release_that_its_start_wrote(
    consumers: dict[str, Consumer], redis_client: Any, form: str, kept: str | None
) -> None:
    consumer = consumers[SAME_RELEASE]
    redis_client.zadd(KEYS.workers, {"w": (time.time() + 600) * 1000})
    ended = Ended("retry", "low", "m.f", 2, 0, False, ("", ""), "", 5, 60.0, False, form)
    assert consumer.cycle([prepare(redis_client, 0, ended)], (), 0).settled == [1]
    record = read_bounded_records(consumer.connection, KEYS, ["job-0"])["job-0"]
    assert record.release == kept


def test_a_record_is_no_larger_where_no_release_is_known(
    consumers: dict[str, Consumer], redis_client: Any
) -> None:
    redis_client.zadd(KEYS.workers, {"w": (time.time() + 600) * 1000})
    ended = Ended("complete", "low", "m.f", 0, 0, False, ("7", ""), "", 5, 60.0, False, "running")
    for release, known in (("4f2a1c", True), ("", False)):
        assert consumers[release].cycle([prepare(redis_client, 0, ended)], (), 0).settled == [1]
        assert redis_client.hexists(KEYS.job("job-0"), "release") == known
        redis_client.delete(KEYS.job("job-0"))


def test_an_outcome_that_is_sent_twice_in_a_batch_counts_once(
    consumer: Consumer, redis_client: Any
) -> None:
    ended = Ended("complete", "low", "m.f", 0, 0, False, ("7", ""), "", 5, 60.0, False, "fresh")
    redis_client.zadd(KEYS.workers, {"w": (time.time() + 600) * 1000})
    outcome = prepare(redis_client, 0, ended)
    assert consumer.cycle([outcome, outcome], (), 0).settled == [1, 0]
    assert consumer.cycle([outcome], (), 0).settled == [0]
    assert redis_client.lrange(KEYS.recent, 0, -1) == [b"job-0"]
