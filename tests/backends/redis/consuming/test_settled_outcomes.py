"""Whether an outcome that got no reply was settled: the record of its job states it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome, Verb, is_settled
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring

KEYS = Keys()
KEYRING = Keyring(b"key")
JOB = Job("job-1", "shop", "send", retries=3)
ENVELOPE = seal(JOB, KEYRING)
VERBS: tuple[Verb, ...] = ("complete", "retry", "fail", "cancel")


class ProcessRun:
    """A run of the job by a process, which ends as ``verb``."""

    def __init__(self, consumer: Consumer, started_at: float) -> None:
        self._consumer = consumer
        self._started_at = started_at

    def outcome(self, verb: Verb) -> Outcome:
        outcome = Outcome(verb, Claim("default", ENVELOPE), JOB.id, task=JOB.task)
        outcome.started_at, outcome.finished_at = self._started_at, 9.0
        if verb == "retry":
            outcome.moved, outcome.delay, outcome.retry_count = ENVELOPE, 600.0, 1
        if verb == "fail":
            outcome.moved = dead_entry(ENVELOPE, failed_at=9.0, error="no")
        return outcome

    def cycle(self, verb: Verb) -> CycleResult:
        return self._consumer.cycle([self.outcome(verb)], (), 0)

    def ends(self, client: Any, verb: Verb) -> None:
        client.lpush(KEYS.active(self._consumer.process, "default"), ENVELOPE)
        assert self.cycle(verb).settled == [1]

    def ends_cancelled(self, client: Any, verb: Verb) -> None:
        """End as an operator cancels the job, whatever the process sends."""
        client.lpush(KEYS.active(self._consumer.process, "default"), ENVELOPE)
        client.hset(KEYS.job(JOB.id), mapping={"status": "running", "cancel_asked": "3.0"})
        client.expire(KEYS.job(JOB.id), 60)
        outcome = self.outcome(verb)
        assert self._consumer.cycle([outcome], (), 0).settled == [5]
        assert is_settled(outcome, 5)
        assert outcome.verb == "cancel"

    def verb_that_arrived(self, verb: Verb) -> Verb | None:
        """What Redis has settled of the outcome that was sent as ``verb``."""
        sent = self.outcome(verb)
        return sent.verb if self._consumer.arrived([sent]) else None

    def arrived(self, verb: Verb) -> bool:
        return self._consumer.arrived([self.outcome(verb)]) == {JOB.id}


@pytest.fixture
def runs(redis_url: str) -> Iterator[tuple[ProcessRun, ProcessRun]]:
    """A run of one worker, and one of another."""
    endpoint = Endpoint(redis_url)
    registry = Registry(endpoint, KEYS)
    consumers = []
    for worker in ("one", "two"):
        registry.heartbeat(worker, ["default"], {})
        consumers.append(
            Consumer(
                endpoint,
                KEYS,
                worker=worker,
                process=f"{worker}.1",
                queues=["default"],
                dlq_max=9,
            )
        )
    yield ProcessRun(consumers[0], 1.0), ProcessRun(consumers[1], 2.0)
    registry.close()
    for consumer in consumers:
        consumer.close()


@pytest.mark.parametrize("foreign", [False, True], ids=["hash", "json"])
@pytest.mark.parametrize("verb", VERBS)
def test_it_was_settled(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any, verb: Verb, foreign: bool
) -> None:
    if foreign:
        redis_client.set(KEYS.job(JOB.id), '{"status": "pending"}', ex=60)
    runs[0].ends(redis_client, verb)
    assert runs[0].arrived(verb)


def test_no_more_dead_jobs_are_counted_than_the_cap_leaves(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any
) -> None:
    redis_client.rpush(KEYS.dead, *("{}" for _ in range(9)))
    redis_client.lpush(KEYS.active("one.1", "default"), ENVELOPE)
    assert runs[0].cycle("fail").dead == redis_client.llen(KEYS.dead) == 9


@pytest.mark.parametrize("foreign", [False, True], ids=["hash", "json"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_run_of_another_worker_was_settled(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any, verb: Verb, foreign: bool
) -> None:
    if foreign:
        redis_client.set(KEYS.job(JOB.id), '{"status": "pending"}', ex=60)
    runs[1].ends(redis_client, verb)
    assert not runs[0].arrived(verb)


@pytest.mark.parametrize("then", VERBS)
def test_a_retry_was_settled_and_its_next_attempt_has_ended(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any, then: Verb
) -> None:
    runs[0].ends(redis_client, "retry")
    runs[1].ends(redis_client, then)
    assert runs[0].arrived("retry")


@pytest.mark.parametrize("number", [0, 1], ids=["same", "another"])
def test_a_retry_was_settled_as_a_cancellation(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any, number: int
) -> None:
    runs[number].ends_cancelled(redis_client, "retry")
    assert runs[0].verb_that_arrived("retry") == ("cancel" if number == 0 else None)


def test_of_a_job_without_a_record_it_is_believed(runs: tuple[ProcessRun, ProcessRun]) -> None:
    assert runs[0].arrived("complete")


def test_a_record_that_is_nonsense_reports_nothing(
    runs: tuple[ProcessRun, ProcessRun], redis_client: Any
) -> None:
    redis_client.set(KEYS.job(JOB.id), '{"status": 1, "attempts": ["x"], "started_at": []}', ex=60)
    assert not runs[0].arrived("retry")
    redis_client.delete(KEYS.job(JOB.id))
    redis_client.hset(KEYS.job(JOB.id), mapping={"status": "x", "attempts": "7\n[]\n{"})
    redis_client.expire(KEYS.job(JOB.id), 60)
    assert not runs[0].arrived("retry")
