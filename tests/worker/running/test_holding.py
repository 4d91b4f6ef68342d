"""Holds in one process: jobs are compared with them when they would start, also those claimed before."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.holds import end_holds, read_holds
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Progress, Scope
from asok_core.errors import Unreachable, UsageError
from asok_core.inspection.filters import parse
from asok_core.inspection.history import history_of
from asok_core.inspection.hold_conditions import parse_condition
from asok_core.inspection.hold_warnings import warning
from asok_core.inspection.holds import CUT_OFF, Hold, HoldState
from asok_core.inspection.job_events import JobEventKind
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job, new_id
from asok_core.jobs.states import Location, Status
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import listed
from asok_core.settings.settings import Settings
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.process_jobs import ProcessJobs
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import KEYRING
from tests.programs import wait_until

TASK = "tests.worker.jobs.give"


class SlowRunner(AttemptRunner):
    """Takes its time with opening a job that has the argument ``slow``."""

    opening = threading.Event()
    opened = threading.Event()

    def open(self, claimed: ClaimedJob) -> Outcome | None:
        if b"slow" in claimed.claim.envelope:
            self.opening.set()
            self.opened.wait(10)
        return super().open(claimed)


@pytest.fixture
def consumer(redis_url: str) -> Iterator[Consumer]:
    made = Consumer(
        Endpoint(redis_url), Keys(), worker="w", process="w.1", queues=["default"], dlq_max=10
    )
    yield made
    made.close()


@pytest.fixture
def operator(redis_url: str) -> Iterator[RedisOperator]:
    made = RedisOperator(Endpoint(redis_url), Keys(), KEYRING)
    yield made
    made.close()


@pytest.fixture
def jobs(consumer: Consumer) -> Iterator[tuple[ProcessJobs, SlowRunner]]:
    runner = SlowRunner(Settings(), KEYRING, release="4f2a1c")
    runner.opening.clear()
    runner.opened.clear()
    with tempfile.TemporaryFile() as file:
        shared = SharedState(file, 1)
        threads = Threads(1, runner, shared, Alarm())
        threads.runs_until = float("inf")
        unsettled = UnsettledOutcomes(consumer, runner.outcomes, shared)
        yield ProcessJobs(threads, unsettled, runner.outcomes), runner
        runner.opened.set()
        threads.end()


def claimed_job(*args: object) -> ClaimedJob:
    return ClaimedJob(
        Claim("default", seal(Job(new_id(), "tests.worker.jobs", "give", args), KEYRING))
    )


def test_a_job_that_was_claimed_before_is_held_and_one_that_begins_is_not_confirmed(
    jobs: tuple[ProcessJobs, SlowRunner], consumer: Consumer, operator: RedisOperator
) -> None:
    claimed, runner = jobs
    first, second, third = claimed_job("slow"), claimed_job(7), claimed_job(8)
    claimed.start([first, second, third], few=False)
    assert runner.opening.wait(10)
    made = operator.add_hold(
        Hold("", task=TASK, conditions=(parse_condition('0 in ["slow", 7]'),), release="4f2a1c")
    )
    assert made.hold is not None
    runner.holding.read(consumer)
    assert runner.holding.generation == made.generation
    assert claimed.has_undecided(), "it may have been compared with the holds before"
    runner.opened.set()
    wait_until(lambda: len(claimed.threads.finished) == 3, "the end of all")
    assert not claimed.has_undecided()
    outcomes = dict(claimed.threads.finished)
    found = [outcomes[each] for each in (first, second, third)]
    assert [each.verb for each in found if each] == ["hold", "hold", "complete"]
    assert found[0] is not None
    assert (found[0].note, found[0].started_at) == (made.hold.id, 0.0)
    assert claimed.collect() == 1, "what is held is no end of a job"


def test_a_cycle_returns_the_generation_of_the_holds(
    consumer: Consumer, operator: RedisOperator
) -> None:
    assert consumer.cycle([], (), 0).holds == 0
    first = operator.add_hold(Hold("", queue="default"))
    second = operator.add_hold(Hold("", queue="low"))
    assert 0 < first.generation < second.generation == consumer.cycle([], (), 0).holds
    for made in (first, second):
        assert made.hold is not None
        assert operator.remove_hold(made.hold.id).applied == 1
    assert consumer.cycle([], (), 0).holds == 0


def test_a_held_job_is_found_where_it_is_and_can_be_cancelled(
    consumer: Consumer, operator: RedisOperator, make_settings: Callable[..., Settings]
) -> None:
    """An undo returns it to its queue: it is held again when its turn comes."""
    job = Job(new_id(), "tests.worker.jobs", "give", (7,), unique="one")
    settings = make_settings()
    with closing(RedisProducer(settings)) as producer:
        assert producer.enqueue([job]) == [True]
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        registry.heartbeat("w", ("default",), {})
    (claim,) = consumer.cycle([], (), 1).claims
    hold = operator.add_hold(Hold("", task=TASK, reason="bank down")).hold
    assert hold is not None
    outcome = Outcome("hold", claim, job.id, job.task, unique="one").noted(hold.id)
    assert consumer.cycle([outcome], (), 0).settled == [1]
    with closing(open_reader(settings)) as reader:
        found = reader.job(job.id)
        assert found is not None
        assert (found.location, found.hold, found.position) == (Location.HELD, hold.id, 0)
        assert found.record is not None
        assert (found.record.status, found.record.held_by) == (Status.HELD, hold.id)
        assert [each.what for each in history_of(found, found.read_at)][-1] == JobEventKind.HELD
        assert [row.payload.id for row in listed(reader, "held", parse(""), 0.0)] == [job.id]
        (kept,) = reader.snapshot().holds
        assert (kept.jobs, kept.queues) == (1, {"default": 1})
        scope = Scope(Location.HELD, queue="default", ids=frozenset([job.id]), hold=hold.id)
        cancelled = operator.cancel(scope)
        assert cancelled.applied == 1
        assert reader.snapshot().held == 0
        assert operator.restore(cancelled.operation or "").applied == 1
        found = reader.job(job.id)
        assert found is not None
        assert found.location is Location.PENDING
        assert found.record is not None
        assert (found.record.status, found.record.held_by) == (Status.PENDING, None)


def test_jobs_of_a_hold_that_has_ended_since_are_returned_in_their_order(
    consumer: Consumer,
    operator: RedisOperator,
    redis_url: str,
    make_settings: Callable[..., Settings],
) -> None:
    jobs = [Job(new_id(), "tests.worker.jobs", "give", (each,)) for each in range(3)]
    with closing(RedisProducer(make_settings())) as producer:
        assert producer.enqueue(jobs) == [True] * 3
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        registry.heartbeat("w", ("default",), {})
    claims = consumer.cycle([], (), 3).claims
    hold = operator.add_hold(Hold("", task=TASK)).hold
    assert hold is not None
    assert operator.remove_hold(hold.id).applied == 1
    outcomes = [
        Outcome("hold", claim, job.id, job.task).noted(hold.id)
        for claim, job in zip(claims, jobs, strict=True)
    ]
    assert consumer.cycle(outcomes, (), 0).settled == [1, 1, 1]
    assert [each.envelope for each in consumer.cycle([], (), 3).claims] == [
        each.envelope for each in claims
    ]


def test_a_hold_gets_an_id_of_its_own(
    operator: RedisOperator, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beside one that has ended and still keeps jobs."""
    ids = iter(["aaaaaa", "bbbbbb", "aaaaaa", "bbbbbb", "cccccc"])
    made = SimpleNamespace(token_hex=lambda _: next(ids))
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.secrets", made)
    first, second = (operator.add_hold(Hold("", task=TASK)).hold for _ in range(2))
    assert first is not None
    assert second is not None
    redis_client.hset(
        "asok:holds", f"ended:{second.id}", redis_client.hget("asok:holds", second.id)
    )
    redis_client.hdel("asok:holds", second.id)
    third = operator.add_hold(Hold("", task=TASK)).hold
    assert third is not None
    assert (first.id, second.id, third.id) == ("aaaaaa", "bbbbbb", "cccccc")


@pytest.fixture
def kept(consumer: Consumer, operator: RedisOperator, redis_client: Redis) -> Hold:
    """A hold that has an end and keeps forty jobs."""
    made = operator.add_hold(Hold("", task=TASK), lasts=60.0).hold
    assert made is not None
    envelopes = [claimed_job(each).claim.envelope for each in range(40)]
    redis_client.lpush(Keys().held(made.id, "default"), *envelopes)
    redis_client.sadd("asok:held", f"{made.id}:default")
    return made


@pytest.mark.parametrize(("rate", "left"), [(None, 25), (5.0, 39)])
@pytest.mark.parametrize("at", ["a batch", "once"])
def test_what_an_operator_stopped_to_release_is_left_to_operators(
    *,
    kept: Hold,
    consumer: Consumer,
    operator: RedisOperator,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
    rate: float | None,
    left: int,
    at: str,
) -> None:
    """Workers return nothing, neither at its end nor as one that is cut off.

    A second Ctrl+C is a stop, too.
    """
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.BATCH", 15)

    def watch(_: Progress) -> bool:
        if at == "once":
            raise KeyboardInterrupt
        return False

    with suppress(KeyboardInterrupt):
        released = operator.release_hold(kept.id, rate=rate, watch=watch)
        assert (released.cancelled, released.left) == (True, left)
    redis_client.sadd(Keys().queues, *(f"queue-{each}" for each in range(50)))
    redis_client.config_resetstat()
    end_all(consumer)
    # Supervisors look at it each second: it costs them no command for each queue.
    assert redis_client.info("commandstats").get("cmdstat_exists", {"calls": 0})["calls"] <= 3
    assert redis_client.llen(Keys().held(kept.id, "default")) == left
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        (ended,) = read_holds(registry.connection, Keys()).ended
    assert (ended.released, ended.until) == (None, None)
    state = HoldState(kept.id, ended, {"default": left}, ended=True)
    assert warning(state, 9e9) == (
        f"the release of hold {kept.id} was stopped with {left} jobs left: asok hold release {kept.id}"
    )
    ((_, entry),) = redis_client.xrevrange("asok:audit", count=1)
    assert entry[b"state"] == b"cancelled"
    redis_client.delete(Keys().held(kept.id, "default"))
    end_all(consumer)
    assert not redis_client.exists("asok:holds"), "of what keeps no jobs nothing is noted"


def test_two_releases_of_which_one_is_stopped_are_finished_by_workers_where_the_other_is_killed(
    *,
    kept: Hold,
    consumer: Consumer,
    operator: RedisOperator,
    redis_url: str,
    redis_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.BATCH", 5)
    other = RedisOperator(Endpoint(redis_url), Keys(), KEYRING)

    def watch(progress: Progress) -> bool:
        if progress.applied == 5:
            other.release_hold(kept.id, rate=None, watch=lambda _: False)
        elif progress.applied == 10:
            raise MemoryError
        return True

    with closing(other), pytest.raises(MemoryError):
        operator.release_hold(kept.id, rate=None, watch=watch)
    end_all(consumer)
    assert redis_client.llen(Keys().queue("default")) == 40


@pytest.mark.parametrize("rate", [None, 5.0])
def test_workers_remove_a_hold_whose_release_was_cut_off_after_its_last_job(
    kept: Hold,
    consumer: Consumer,
    operator: RedisOperator,
    redis_client: Redis,
    rate: float | None,
) -> None:
    cut_off(operator, kept.id, rate)
    redis_client.delete(Keys().held(kept.id, "default"))
    end_all(consumer)
    assert not redis_client.exists("asok:holds", "asok:held")


def test_the_audit_counts_a_removed_hold_that_had_ended_before(
    kept: Hold, operator: RedisOperator, redis_client: Any
) -> None:
    cut_off(operator, kept.id, None)
    redis_client.delete(Keys().held(kept.id, "default"))
    assert operator.remove_hold(kept.id).applied == 1
    (_, entry), *_ = redis_client.xrevrange(Keys().audit, count=1)
    assert (entry[b"action"], entry[b"applied"]) == (b"remove hold", b"1")


@pytest.mark.parametrize("released", [False, True])
def test_workers_return_what_ended_before_the_clock_of_redis_was_set_back(
    kept: Hold, consumer: Consumer, operator: RedisOperator, redis_client: Redis, released: bool
) -> None:
    if released:
        cut_off(operator, kept.id, None)
    else:
        rule = redis_client.hget(Keys().holds, kept.id)
        assert isinstance(rule, bytes)
        redis_client.hdel(Keys().holds, kept.id)
        redis_client.hset(Keys().holds, f"ended:{kept.id}", rule)
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        holds = read_holds(registry.connection, Keys())
        end_holds(registry.connection, Keys(), holds, registry.now() - 3600)
    assert redis_client.llen(Keys().queue("default")) == 40


def test_workers_finish_a_release_that_was_cut_off(
    kept: Hold,
    consumer: Consumer,
    operator: RedisOperator,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where its command is killed: nobody else would return the rest."""
    envelopes = redis_client.lrange(Keys().held(kept.id, "default"), 0, -1)
    cut_off(operator, kept.id, None)
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        holds = read_holds(registry.connection, Keys())
        (released,) = holds.ended
        assert released.released is not None
        assert not end_holds(registry.connection, Keys(), holds, released.released + CUT_OFF - 1)
    assert redis_client.llen(Keys().held(kept.id, "default")) == 40
    monkeypatch.setattr("asok_core.backends.redis.consuming.holds.BATCH", 15)
    end_all(consumer)
    assert redis_client.lrange(Keys().queue("default"), 0, -1) == envelopes
    assert not redis_client.exists("asok:holds")
    entries = [fields for _, fields in redis_client.xrange("asok:audit")]
    (entry,) = (each for each in entries if each[b"who"] == b"workers")
    found = [entry[each] for each in (b"action", b"words", b"applied", b"state")]
    assert found == [b"release", f"hold:{kept.id}".encode(), b"40", b"done"]


def test_an_operator_sets_a_rate_while_workers_return_jobs(
    kept: Hold, consumer: Consumer, operator: RedisOperator, redis_client: Redis
) -> None:
    """Also those that have read the hold before return no more at once, nor once it is stopped."""
    cut_off(operator, kept.id, None)
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        former = read_holds(registry.connection, Keys())

        def left() -> int:
            end_holds(registry.connection, Keys(), former, 9e9)
            return int(redis_client.llen(Keys().held(kept.id, "default")))

        def watch(_: Progress) -> bool:
            (released,) = read_holds(registry.connection, Keys()).ended
            assert (released.rate, left()) == (5.0, 39)
            return False

        operator.release_hold(kept.id, rate=5.0, watch=watch)
        assert left() == 39


@pytest.mark.parametrize("by", ["operator", "worker"])
def test_jobs_are_found_where_the_names_of_their_lists_were_deleted(
    kept: Hold, consumer: Consumer, operator: RedisOperator, redis_client: Redis, by: str
) -> None:
    redis_client.sadd("asok:queues", "default", "other")
    redis_client.delete("asok:held")
    assert list(operator.remove_hold(kept.id).refused) == ["it keeps jobs; release it"]
    if by == "operator":
        assert operator.release_hold(kept.id, rate=None).applied == 40
    else:
        cut_off(operator, kept.id, None)
        end_all(consumer)
    assert redis_client.llen(Keys().queue("default")) == 40
    assert not redis_client.exists("asok:holds")


@pytest.mark.parametrize("second", ["release", "release at a rate", "remove"])
def test_two_operators_who_end_a_hold_at_once_end_in_one_state_and_are_answered(
    kept: Hold, operator: RedisOperator, redis_url: str, redis_client: Any, second: str
) -> None:
    """Each job is returned once, in its order; each answer states what was done, or why nothing was."""
    envelopes = redis_client.lrange(Keys().held(kept.id, "default"), 0, -1)
    other = RedisOperator(Endpoint(redis_url), Keys(), KEYRING)
    together = threading.Barrier(2)

    def release(by: RedisOperator, rate: float | None) -> str:
        together.wait(10)
        try:
            result = by.release_hold(kept.id, rate=rate)
        except UsageError as error:
            return str(error)
        return f"{result.applied} returned, {result.left} left"

    def remove() -> str:
        together.wait(10)
        try:
            result = other.remove_hold(kept.id)
        except UsageError as error:
            return str(error)
        return f"{result.applied} removed {list(result.refused)}"

    with closing(other), ThreadPoolExecutor(2) as threads:
        first = threads.submit(release, operator, None)
        rate = 1e3 if second == "release at a rate" else None
        also = threads.submit(remove if second == "remove" else partial(release, other, rate))
        answers = [first.result(30), also.result(30)]
    assert redis_client.lrange(Keys().queue("default"), 0, -1) == envelopes or (
        # The oldest first from one side, and the newest first from the other.
        second == "release at a rate"
        and sorted(redis_client.lrange(Keys().queue("default"), 0, -1)) == sorted(envelopes)
    )
    assert not redis_client.exists("asok:holds", "asok:held")
    unknown = f"there is no hold {kept.id!r}; asok hold list shows those there are"
    returned = [int(each.split()[0]) for each in answers if each.endswith(" left")]
    assert sum(returned) == 40
    assert all(
        each.endswith(", 0 left")
        or each in (unknown, "0 removed ['it keeps jobs; release it']", "1 removed []")
        for each in answers
    ), answers
    entries = [fields for _, fields in redis_client.xrange(Keys().audit)]
    ends = [each for each in entries if each[b"action"] in (b"release", b"remove hold")]
    assert {each[b"state"] for each in ends} == {b"done"}


def cut_off(operator: RedisOperator, hold: str, rate: float | None) -> None:
    """Begin a release, and end before its first batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asok_core.backends.redis.operating.holding.ReleaseHeld", Unreachable)
        with pytest.raises(TypeError):
            operator.release_hold(hold, rate=rate)


def end_all(consumer: Consumer) -> None:
    """What supervisors do long after."""
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        holds = read_holds(registry.connection, Keys())
        end_holds(registry.connection, Keys(), holds, 9e9)


def test_a_release_at_a_rate_does_not_make_up_for_a_stop(
    kept: Hold, operator: RedisOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Ctrl-Z and fg: the clock moves by ten minutes between two steps."""
    clock, given = [0.0], list[int]()

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def watch(progress: Progress) -> bool:
        given.append(progress.applied)
        clock[0] += 600 if progress.applied == 1 and given.count(1) == 1 else 0
        return True

    now = SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep)
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.time", now)
    assert operator.release_hold(kept.id, rate=5.0, watch=watch).applied == 40
    assert given[:2] == [1, 6]
    assert max(later - former for former, later in pairwise(given)) == 5


def test_a_release_at_a_rate_keeps_the_order_where_its_jobs_wait_for_workers(
    kept: Hold, operator: RedisOperator, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers start fewer than are returned, and others are returned to the consuming end besides."""
    held = [claimed_job(each).claim.envelope for each in range(2_600)]
    key, queue, started = Keys().held(kept.id, "default"), Keys().queue("default"), list[bytes]()
    redis_client.delete(key)
    redis_client.lpush(key, *held)
    sleeps = list[float]()
    now = SimpleNamespace(monotonic=lambda: 10.0 * len(sleeps), sleep=sleeps.append)
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.time", now)

    def watch(progress: Progress) -> bool:
        assert progress.applied - len(started) <= 1_000
        redis_client.rpush(queue, *[b"retried"] * 3)
        started.extend(each for each in redis_client.rpop(queue, 30) if each != b"retried")
        return True

    assert operator.release_hold(kept.id, rate=500.0, watch=watch).applied == len(held)
    started.extend(reversed(redis_client.lrange(queue, 0, -1)))
    assert started == held
    assert len(sleeps) < 200


@pytest.mark.parametrize("paused", [True, False])
def test_a_release_at_a_rate_states_what_it_waits_for_and_moves_nothing_until_then(
    kept: Hold, operator: RedisOperator, redis_client: Any, paused: bool
) -> None:
    """Its jobs are large: those that wait to run are not moved again by each step that waits."""
    held = [claimed_job(each, "x" * 150_000).claim.envelope for each in range(40)]
    key, queue = Keys().held(kept.id, "default"), Keys().queue("default")
    redis_client.delete(key)
    redis_client.lpush(key, *held)
    if paused:
        operator.pause("default")
    waits, changes = list[str](), list[int]()

    def watch(progress: Progress) -> bool:
        waits.append(progress.waits)
        changes.append(redis_client.info("persistence")["rdb_changes_since_last_save"])
        return waits.count(progress.waits) < 3 or not progress.waits

    released = operator.release_hold(kept.id, rate=1e3, watch=watch)
    assert released.cancelled
    assert redis_client.lrange(queue, 0, -1)[::-1] == held[: released.applied]
    expected = "queue 'default' is paused" if paused else "for workers of queue 'default'"
    assert expected in waits[-1]
    assert not waits[0]
    assert changes[-1] - changes[-2] < 30, "only what the audit and the rule note"
    # A step that begins below 1 MiB of what waits returns up to 4 MiB, where this machine is slow.
    assert 2**20 < released.applied * 150_100 < 5 * 2**20 + 2 * 150_100


@pytest.mark.parametrize("taken", [0, 3])
def test_a_release_at_a_rate_that_is_repeated_continues_behind_what_it_returned(
    kept: Hold, operator: RedisOperator, redis_client: Any, taken: int
) -> None:
    """As where its command was killed. Another job was returned to its queue since."""
    key, queue = Keys().held(kept.id, "default"), Keys().queue("default")
    jobs = [Job(new_id(), "tests.worker.jobs", "give", (each,)) for each in range(40)]
    envelopes = [seal(each, KEYRING) for each in jobs]
    redis_client.delete(key)
    redis_client.lpush(key, *envelopes)
    redis_client.lpush(queue, b"older")
    for job in jobs:
        redis_client.hset(f"asok:job:{job.id}", "status", "held")
    released = operator.release_hold(
        kept.id, rate=1e3, watch=lambda progress: progress.applied < 13
    )
    assert 13 <= released.applied < 40
    if taken:
        redis_client.rpop(queue, taken)
    redis_client.rpush(queue, b"retried")
    assert operator.release_hold(kept.id, rate=1e6).left == 0
    waiting = redis_client.lrange(queue, 0, -1)[::-1]
    assert waiting == [b"retried", *envelopes[taken:], b"older"]


def test_lists_that_cannot_be_returned_keep_no_others_waiting(
    kept: Hold, consumer: Consumer, operator: RedisOperator, redis_client: Redis
) -> None:
    """Neither does an audit that cannot be written."""
    for name in "abcdef":
        redis_client.set(Keys().queue(name), "not a list")
        redis_client.lpush(Keys().held(kept.id, name), claimed_job(name).claim.envelope)
        redis_client.sadd("asok:held", f"{kept.id}:{name}")
    cut_off(operator, kept.id, None)
    redis_client.set("asok:audit", "not a stream")
    with closing(Registry(consumer.endpoint, Keys())) as registry:
        holds = read_holds(registry.connection, Keys())
        assert not end_holds(registry.connection, Keys(), holds, 9e9), (
            "nothing more can be returned"
        )
    assert redis_client.llen(Keys().queue("default")) == 40
    assert redis_client.llen(Keys().held(kept.id, "a")) == 1


def test_a_hold_that_workers_end_too_early_by_their_clock_keeps_its_jobs(
    kept: Hold, consumer: Consumer, redis_client: Redis
) -> None:
    end_all(consumer)
    assert redis_client.hexists("asok:holds", kept.id)
    assert redis_client.llen(Keys().held(kept.id, "default")) == 40


def test_a_hold_that_gets_a_job_while_it_is_removed_is_unchanged(
    kept: Hold, operator: RedisOperator, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has read the lists before a worker holds the job."""
    monkeypatch.setattr("asok_core.backends.redis.operating.holding.queues_of", lambda *_: [])
    result = operator.remove_hold(kept.id)
    assert (result.applied, list(result.refused)) == (0, ["it keeps jobs; release it"])
    assert redis_client.hexists("asok:holds", kept.id)
