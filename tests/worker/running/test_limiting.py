"""Limits, as processes ask whether jobs may start, and as supervisors give back those that wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.limits import review_due
from asok_core.backends.redis.consuming.outcomes import Outcome, Verb
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.flags import StartFlag
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.clock import steady
from asok_core.inspection.argument_paths import parse as parse_path
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.declared_limits import DeclaredLimit
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import LIMIT, REDACT, Job
from asok_core.jobs.limits import bucket_of, parse_limit
from asok_core.settings.settings import Settings
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.limiting import Limiting
from asok_core.worker.supervising.duties.heartbeat import HeartbeatDuty
from asok_core.worker.supervising.duties.limit_review import LimitReviewDuty
from tests.conftest import SECRET_KEY
from tests.programs import wait_until

# What is left of a limit is removed by a supervisor, which has no part in most of these tests.
pytestmark = pytest.mark.keeps_keys(r"asok:limits?(:.*)?")

KEYS = Keys()
START, WAIT = StartFlag.MAY_START, StartFlag.RETURNED
FAR = 9e15
"""A time at which every bucket is due."""


class LimitBench:
    """Processes of workers that claim and are asked, step by step, without threads."""

    def __init__(self, url: str, client: Any) -> None:
        self.url, self.client = url, client
        self.rules: tuple[LimitRule, ...] = ()
        self.processes: dict[str, tuple[Consumer, Limiting]] = {}
        self.claimed: dict[str, ClaimedJob] = {}
        settings = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
        self.producer = RedisProducer(Settings.load(settings))
        self._numbers = itertools.count(1)

    def process(self, name: str) -> tuple[Consumer, Limiting]:
        if name not in self.processes:
            worker = name.partition(".")[0]
            consumer = Consumer(
                *(Endpoint(self.url), KEYS),
                worker=worker, process=name, queues=["default", "low"], dlq_max=9,
            )  # fmt: skip
            with closing(Registry(Endpoint(self.url), KEYS)) as registry:
                registry.heartbeat(worker, ("default", "low"), {"queues": "default,low"})
            self.processes[name] = consumer, Limiting(Redaction())
        return self.processes[name]

    def enqueue(self, *values: object, limit: str = "", key: str = "", **options: Any) -> list[str]:
        jobs = []
        for value in values:
            extra = {**options.pop("extra", {})} if "extra" in options else {}
            if limit:
                extra[LIMIT] = DeclaredLimit(limit, key, 0 if key else None).sent
            number = next(self._numbers)
            name = f"job-{number}"
            at = 1e9 + number
            jobs.append(Job(name, "m", "f", (value,), enqueued_at=at, extra=extra, **options))
        self.producer.enqueue(jobs)
        return [job.id for job in jobs]

    def claim(self, process: str, slots: int = 9) -> list[str]:
        consumer, _ = self.process(process)
        ids = []
        for claim in consumer.cycle([], (), slots).claims:
            job = peek(claim.envelope).job
            assert job is not None
            self.claimed[job.id] = ClaimedJob(claim, job)
            ids.append(job.id)
        return ids

    def ask(self, process: str, ids: Sequence[str], **options: Any) -> dict[str, StartFlag]:
        consumer, limiting = self.process(process)
        limiting.follow(self.rules)
        found = limiting.start(consumer, [self.claimed[each] for each in ids], **options)
        return {claimed.opened.id: flag for claimed, flag in found.items()}

    def take(self, process: str, slots: int = 9) -> dict[str, StartFlag]:
        """Claim, and ask for all of them."""
        return self.ask(process, self.claim(process, slots))

    def end(
        self, process: str, job_id: str, verb: Verb = "complete", *, reported: bool = True
    ) -> None:
        consumer, limiting = self.process(process)
        claimed = self.claimed[job_id]
        outcome = Outcome(verb, claimed.claim, job_id, "m.f", finished_at=2e9, started_at=2e9)
        if verb == "return":
            outcome = Outcome(verb, claimed.claim)
        assert consumer.cycle([outcome], (), 0).settled == [1]
        if reported:
            limiting.leave(consumer, [(claimed, outcome)])

    def review(self) -> float | None:
        with closing(Registry(Endpoint(self.url), KEYS)) as registry:
            rules = {each.identity: each for each in self.rules}
            review_due(registry.connection, KEYS, rules, FAR)
            return review_due(registry.connection, KEYS, rules, registry.now())

    def queue(self, name: str = "default") -> list[str]:
        """Ids of pending jobs, the next to run first."""
        return [peek(raw).id for raw in reversed(self.client.lrange(KEYS.queue(name), 0, -1))]

    def waiting(self, bucket: str, queue: str = "default") -> list[str]:
        """Ids of jobs that wait for a limit, the next first."""
        found = self.client.lrange(KEYS.held(bucket, queue), 0, -1)
        return [peek(raw).id for raw in reversed(found)]

    def running(self, bucket: str) -> set[str]:
        return {each.decode() for each in self.client.hkeys(KEYS.limit_running(bucket))}

    def status(self, job_id: str) -> str:
        return str(self.client.hget(KEYS.job(job_id), "status").decode())


TASK = bucket_of("task:m.f")


@pytest.fixture
def limits(redis_url: str, redis_client: Any) -> Iterator[LimitBench]:
    bench = LimitBench(redis_url, redis_client)
    yield bench
    for consumer, _ in bench.processes.values():
        consumer.close()
    bench.producer.close()


def is_clean(client: Any) -> bool:
    """Whether nothing is left of limits."""
    return not [key for pattern in ("asok:limit*", "asok:held*") for key in client.keys(pattern)]


def test_as_many_as_are_allowed_run_at_once_over_all_processes(limits: LimitBench) -> None:
    first = limits.enqueue(*range(5), limit="2 at once")
    other = limits.enqueue(9)

    assert limits.take("a.1", 2) == dict.fromkeys(first[:2], START)
    assert limits.ask("b.1", limits.claim("b.1")) == dict.fromkeys(first[2:], WAIT)
    assert limits.client.llen(KEYS.active("b.1", "default")) == 1, "no job waits in its process"
    assert other[0] in limits.claimed, "others flow past"
    assert limits.waiting(TASK) == first[2:]
    assert {limits.status(each) for each in first[2:]} == {"held"}

    limits.end("a.1", first[0])
    assert limits.queue() == [first[2]], "one for each that ended"
    assert limits.status(first[2]) == "pending"
    late = limits.enqueue(6, limit="2 at once")
    assert limits.take("b.1", 1) == {first[2]: START}
    assert limits.take("a.1", 1) == {late[0]: WAIT}, "none passes those that wait"
    for each, process in zip((first[1], first[2]), ("a.1", "b.1"), strict=True):
        limits.end(process, each)
    assert limits.queue() == first[3:], "in their order, also of two"
    assert limits.take("a.1") == dict.fromkeys(first[3:], START)
    limits.end("a.1", first[3], "fail")
    limits.end("a.1", first[4])
    assert limits.take("a.1") == {late[0]: START}
    limits.end("a.1", late[0])
    assert is_clean(limits.client)


def test_each_value_of_the_key_is_counted_by_itself(limits: LimitBench) -> None:
    one = limits.enqueue(7, 7, limit="1 at once", key="account")
    two = limits.enqueue("7", limit="1 at once", key="account")

    assert limits.take("a.1") == {one[0]: START, one[1]: WAIT, two[0]: START}
    bucket = bucket_of("task:m.f by kwargs.account", "7")
    assert limits.waiting(bucket) == [one[1]]
    known = limits.client.hgetall(KEYS.limit(bucket))
    assert known[b"identity"] == b"task:m.f by kwargs.account"
    assert (known[b"value"], known[b"declared"]) == (b"7", b"1 at once")


def test_a_rate_allows_a_burst_and_then_one_in_each_interval(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(6), limit="2/hour, burst 3")

    assert limits.take("a.1") == {each: START if at < 3 else WAIT for at, each in enumerate(jobs)}
    for each in jobs[:3]:
        limits.end("a.1", each)
    assert limits.queue() == [], "an end allows no start"
    due = limits.review()
    assert due is not None
    assert 1795 < due <= 1800
    free_at = float(limits.client.hget(KEYS.limit(TASK), "free_at"))
    limits.client.hset(KEYS.limit(TASK), "free_at", free_at - 1800)
    limits.review()
    assert limits.queue() == [jobs[3]]
    limits.review()
    assert limits.queue() == [jobs[3]], "the one that was given back has the start"
    late = limits.enqueue(9, limit="2/hour, burst 3")
    assert limits.take("b.1") == {jobs[3]: START, late[0]: WAIT}
    assert limits.waiting(TASK) == [*jobs[4:], *late]
    # The clock of Redis was set back by days: no job waits for that long.
    limits.client.hset(KEYS.limit(TASK), "free_at", free_at + 90 * 86_400)
    due = limits.review()
    assert due is not None
    assert due <= 1800


def test_no_job_waits_longer_after_the_clock_of_redis_was_set_back(limits: LimitBench) -> None:
    jobs = limits.enqueue(1, 2, limit="5/second, burst 1")
    limits.take("a.1")
    later = time.time() + 3_600
    limits.client.zadd(KEYS.limits, {TASK: later})
    limits.client.hset(KEYS.limit(TASK), "free_at", later)
    heartbeat = cast(HeartbeatDuty, SimpleNamespace(known_holds=0))
    with closing(Registry(Endpoint(limits.url), KEYS)) as registry:
        registry.clock.learn(later, steady())
        duty = LimitReviewDuty(registry, heartbeat)
        duty.run()
        registry.clock.ask(registry.connection)
        wait_until(lambda: bool(duty.run() and limits.queue()), "a start", 4)
    assert limits.queue() == jobs[1:]


def test_a_faster_rate_is_in_force_for_what_waits_already(limits: LimitBench) -> None:
    jobs = limits.enqueue(1, 2, limit="1/day")
    limits.take("a.1")
    limits.rules = (LimitRule("m.f", limit=parse_limit("5/second, burst 1")),)
    wait_until(lambda: bool(limits.review() and limits.queue()), "a start", 4)
    assert limits.queue() == jobs[1:]


def test_what_a_dead_process_ran_is_counted_until_it_is_recovered_and_starts_again(
    limits: LimitBench,
) -> None:
    jobs = limits.enqueue(*range(3), limit="1 at once")
    limits.take("a.1")
    limits.review()
    assert (limits.running(TASK), limits.queue()) == ({jobs[0]}, [])

    # As recovery does, at the death of its process.
    limits.client.lmove(KEYS.active("a.1", "default"), KEYS.queue("default"), "RIGHT", "RIGHT")
    limits.review()
    assert limits.queue() == [jobs[0]], "it is the next, and none starts beside it"
    assert limits.take("b.1") == {jobs[0]: START}
    limits.end("b.1", jobs[0])
    assert limits.queue() == [jobs[1]]


def test_a_job_that_ended_and_is_still_counted_is_found(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(3), limit="1 at once")
    limits.take("a.1")
    limits.end("a.1", jobs[0], reported=False)
    assert limits.queue() == []
    limits.review()
    assert limits.queue() == [jobs[1]]
    # An operator removes what was given back.
    limits.client.delete(KEYS.queue("default"))
    limits.client.hset(KEYS.job(jobs[1]), "status", "cancelled")
    limits.review()
    assert limits.queue() == [jobs[2]]


def test_a_late_report_of_a_process_that_lost_its_job_changes_nothing(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(2), limit="1 at once")
    limits.take("a.1")
    lost = limits.claimed[jobs[0]]
    limits.client.lmove(KEYS.active("a.1", "default"), KEYS.queue("default"), "RIGHT", "RIGHT")
    assert limits.take("b.1") == {jobs[0]: START}
    consumer, limiting = limits.process("a.1")
    limiting.leave(consumer, [(lost, Outcome("complete", lost.claim, jobs[0]))])
    assert (limits.running(TASK), limits.queue()) == ({jobs[0]}, [])


def test_a_job_that_is_returned_is_the_next(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(3), limit="1 at once")
    limits.take("a.1")
    limits.end("a.1", jobs[0], "return")
    assert limits.queue() == [jobs[0]]
    assert limits.waiting(TASK) == jobs[1:]
    limits.review()
    assert limits.take("b.1") == {jobs[0]: START}


def test_what_is_next_in_a_paused_queue_keeps_no_other_from_starting(limits: LimitBench) -> None:
    low = limits.enqueue(1, 2, limit="1 at once", queue="low")
    limits.take("a.1")
    limits.end("a.1", low[0])
    limits.client.sadd(KEYS.paused, "low")
    assert limits.queue("low") == [low[1]]
    other = limits.enqueue(3, 4, limit="1 at once")
    assert limits.take("a.1") == {other[0]: START, other[1]: WAIT}
    limits.client.srem(KEYS.paused, "low")
    assert limits.take("b.1") == {low[1]: WAIT}
    limits.end("a.1", other[0])
    assert (limits.queue("low"), limits.queue()) == ([low[1]], []), "it was enqueued before"


@pytest.mark.parametrize(
    "field", [("queues", "default"), ("quiet", 1), ("stopping", 1)], ids=lambda field: field[0]
)
def test_what_is_next_in_a_queue_that_no_worker_serves_keeps_no_other_from_starting(
    limits: LimitBench, field: tuple[str, str | int]
) -> None:
    first = limits.enqueue(1, limit="1 at once")
    low = limits.enqueue(2, 3, limit="1 at once", queue="low")
    others = limits.enqueue(4, 5, limit="1 at once")
    limits.take("a.1")
    limits.end("a.1", first[0])
    limits.review()
    assert (limits.queue("low"), limits.queue()) == ([low[0]], []), "it was enqueued before"

    with closing(Registry(Endpoint(limits.url), KEYS)) as registry:
        registry.heartbeat("b", ("default",), {"queues": "default"})
    limits.client.hset(KEYS.worker("a"), *field)
    limits.review()
    assert (limits.queue("low"), limits.queue()) == ([low[0]], [others[0]])
    limits.client.hset(KEYS.worker("b"), "queues", "low,default")
    assert limits.take("b.1") == {others[0]: START, low[0]: WAIT}
    limits.end("b.1", others[0])
    assert (limits.queue("low"), limits.queue()) == ([low[0]], [])


def test_a_job_that_starts_again_after_the_death_of_its_process_waits_for_the_rate(
    limits: LimitBench,
) -> None:
    job, after = limits.enqueue(1, 2, limit="1 at once, 1/hour")
    assert limits.take("a.1") == {job: START, after: WAIT}
    limits.client.lmove(KEYS.active("a.1", "default"), KEYS.queue("default"), "RIGHT", "RIGHT")
    assert limits.take("b.1") == {job: WAIT}
    assert (limits.waiting(TASK), limits.running(TASK)) == ([job, after], set())


def test_a_limit_of_an_operator_is_in_force_in_place_of_the_declared_one(
    limits: LimitBench,
) -> None:
    jobs = limits.enqueue(*range(6), limit="3 at once")
    limits.rules = (LimitRule("m.f", limit=parse_limit("1 at once")),)
    assert list(limits.take("a.1").values()) == [START, *[WAIT] * 5]
    assert limits.client.hget(KEYS.limit(TASK), "declared") == b"3 at once"
    limits.rules = (LimitRule("m.f", limit=parse_limit("2 at once")),)
    limits.review()
    assert limits.queue() == [jobs[1]]
    limits.rules = ()
    limits.review()
    assert limits.queue() == jobs[1:3], "what the code declares is in force again"


def test_without_a_limit_all_that_wait_are_given_back_in_their_order(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(250))
    limits.rules = (LimitRule(queue="default", limit=parse_limit("1 at once")),)
    while limits.queue():
        limits.take("a.1", 100)
    limits.rules = ()
    while limits.review() is not None:
        if not limits.waiting(bucket_of("queue:default")):
            break
    assert limits.queue() == jobs[1:]


def test_a_job_starts_where_each_of_its_limits_allows_it(limits: LimitBench) -> None:
    queue = bucket_of("queue:default")
    limits.rules = (
        LimitRule(queue="default", limit=parse_limit("2 at once")),
        LimitRule("m.f", key=parse_path("args[0]"), limit=parse_limit("1 at once")),
    )
    jobs = limits.enqueue(7, 7, 8, 9)
    assert list(limits.take("a.1").values()) == [START, WAIT, START, WAIT]
    seven = bucket_of("task:m.f by args[0]", "7")
    assert (limits.waiting(seven), limits.waiting(queue)) == ([jobs[1]], [jobs[3]])
    assert limits.running(queue) == {jobs[0], jobs[2]}, "one that waits is counted nowhere"
    limits.end("a.1", jobs[0])
    assert set(limits.queue()) == {jobs[1], jobs[3]}
    assert sorted(limits.take("a.1").values()) == [START, WAIT]
    assert len(limits.running(queue)) == 2


def test_what_runs_already_is_counted_by_a_new_limit(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(3))
    assert limits.take("a.1", 2) == {}, "there was no limit"
    limits.rules = (LimitRule("m.f", limit=parse_limit("1 at once")),)
    assert limits.ask("a.1", jobs[:2], running=True) == dict.fromkeys(jobs[:2], START)
    assert limits.running(TASK) == set(jobs[:2])
    assert limits.ask("a.1", jobs[:2], running=True) == {}, "they are known"
    assert limits.take("b.1") == {jobs[2]: WAIT}
    limits.end("a.1", jobs[0])
    assert limits.queue() == []
    limits.end("a.1", jobs[1])
    assert limits.queue() == [jobs[2]]


def test_what_a_rate_let_start_is_counted_by_a_limit_at_once_that_replaces_it(
    limits: LimitBench,
) -> None:
    jobs = limits.enqueue(1, 2, limit="1000/minute, burst 9")
    assert limits.take("a.1") == dict.fromkeys(jobs, START)
    limits.rules = (LimitRule("m.f", limit=parse_limit("2 at once")),)
    limits.ask("a.1", jobs, running=True)
    assert limits.running(TASK) == set(jobs)
    late = limits.enqueue(3, limit="1000/minute, burst 9")
    assert limits.take("b.1") == {late[0]: WAIT}
    limits.end("a.1", jobs[0])
    assert limits.queue() == late


def test_jobs_that_two_processes_claimed_wait_in_the_order_of_their_enqueueing(
    limits: LimitBench,
) -> None:
    jobs = limits.enqueue(*range(5), limit="1 at once")
    for at, each in enumerate(jobs):
        limits.client.hset(KEYS.job(each), "enqueued_at", 1e9 + at)
    limits.take("a.1", 1)
    older, newer = limits.claim("a.1", 2), limits.claim("b.1", 2)
    limits.ask("b.1", newer)
    limits.ask("a.1", older)
    assert limits.waiting(TASK) == jobs[1:]


def test_a_cancelled_job_and_one_that_another_worker_has_do_not_start(limits: LimitBench) -> None:
    jobs = limits.enqueue(*range(2), limit="1 at once")
    limits.claim("a.1")
    limits.client.hset(KEYS.job(jobs[0]), "cancel_asked", "1")
    limits.client.lrem(KEYS.active("a.1", "default"), 1, limits.claimed[jobs[1]].claim.envelope)
    assert limits.ask("a.1", jobs) == {jobs[0]: StartFlag.CANCELLED, jobs[1]: StartFlag.NOT_ACTIVE}
    assert limits.running(TASK) == set()


@pytest.mark.parametrize(
    "key",
    [
        KEYS.limits, KEYS.limit(TASK), KEYS.limit_running(TASK), KEYS.limit_next(TASK),
        KEYS.paused, KEYS.held_lists, KEYS.held(TASK, "default"),
    ],
)  # fmt: skip
def test_no_job_is_lost_where_a_key_is_of_another_type(limits: LimitBench, key: str) -> None:
    jobs = limits.enqueue(*range(3), limit="1 at once")
    limits.client.set(key, "x")
    flags = limits.take("a.1")
    assert flags[jobs[0]] == START
    active = limits.client.lrange(KEYS.active("a.1", "default"), 0, -1)
    there = [peek(raw).id for raw in active] + limits.queue()
    there += [] if key == KEYS.held(TASK, "default") else limits.waiting(TASK)
    assert sorted(there) == sorted(jobs)
    limits.review()


@pytest.mark.parametrize(
    ("hide", "value", "shown"),
    [
        (dict, "abc", b'"abc"'),
        (lambda: {REDACT: {"hide": ["account"], "names": ["account"]}}, "abc", b'"hidden"'),
        (dict, "x" * 900, f'"{"x" * 200}…"'.encode()),
        (dict, "\ud800", b'"\\ud800"'),
    ],
)
def test_a_value_that_is_hidden_or_long_is_not_shown(
    limits: LimitBench, hide: Callable[[], dict[str, Any]], value: str, shown: bytes
) -> None:
    limits.enqueue(value, limit="1 at once", key="account", extra=hide())
    limits.take("a.1")
    (key,) = [each for each in limits.client.keys("asok:limit:*") if each.count(b":") == 2]
    assert limits.client.hget(key, "value").decode() == shown.decode()
