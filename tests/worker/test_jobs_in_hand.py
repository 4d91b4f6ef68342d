"""What a process holds is known by identity: jobs whose claims are equal are two."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.held_job import HeldJob
from asok_core.worker.running.jobs_in_hand import JobsInHand
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import KEYRING
from tests.programs import wait_until


@pytest.fixture
def in_hand(redis_url: str) -> Iterator[JobsInHand]:
    consumer = Consumer(
        Endpoint(redis_url), Keys(), worker="w", process="w.1", queues=["default"], dlq_max=10
    )
    runner = AttemptRunner(Settings(), KEYRING)
    with tempfile.TemporaryFile() as file:
        shared = SharedState(file, 1)
        threads = Threads(1, runner, shared, Alarm())
        yield JobsInHand(
            threads,
            UnsettledOutcomes(consumer, runner.outcomes, shared, runner.reports),
            runner.outcomes,
        )
        threads.end()
        consumer.close()


def claim(*args: object) -> Claim:
    return Claim("default", seal(Job(new_id(), "tests.worker.jobs", "give", args), KEYRING))


def given_back(in_hand: JobsInHand) -> list[Claim]:
    return list(in_hand.unsettled.claims())


def test_two_jobs_with_equal_claims_are_two() -> None:
    same = claim(1)
    first, second = HeldJob(same), HeldJob(same)
    assert first != second
    assert len({first, second}) == 2


def test_each_of_two_equal_claims_is_settled(in_hand: JobsInHand) -> None:
    """A program may push one envelope twice: each copy is claimed, and each has an outcome."""
    same = claim(1)
    in_hand.threads.runs_until = float("inf")
    in_hand.start([HeldJob(same), HeldJob(same)], few=False)
    assert len(in_hand) == 2
    wait_until(lambda: len(in_hand.threads.finished) == 2, "both to end")
    assert in_hand.collect() == 2
    assert len(in_hand) == 0
    assert given_back(in_hand) == [same, same]


def test_a_dubious_copy_does_not_pass_for_the_one_that_waits(in_hand: JobsInHand) -> None:
    same = claim(1)
    first, second = HeldJob(same, dubious=True), HeldJob(same, dubious=True)
    in_hand.start([first, second], few=False)
    assert first not in in_hand.dubious
    assert second in in_hand.dubious


def test_what_waits_is_given_back_with_the_oldest_last(in_hand: JobsInHand) -> None:
    claims = [claim(number) for number in range(3)]
    batch = [HeldJob(each, dubious=True) for each in claims]
    for held in batch:
        # None starts: the lease is over.
        in_hand.start([held], few=False)
    wait_until(lambda: len(in_hand.threads.finished) == 1, "the first to be refused a start")
    in_hand.collect()
    assert in_hand.uncertain
    in_hand.give_back_waiting()
    assert given_back(in_hand) == [claims[2], claims[1]]


def test_a_comparison_with_redis_gives_back_what_is_not_known_here(in_hand: JobsInHand) -> None:
    known, unknown, lost = claim(1), claim(2), claim(3)
    # The first starts, and the others wait for its end.
    in_hand.start([HeldJob(each, dubious=True) for each in (known, known, lost)], few=False)
    in_hand.reconcile([known, known, unknown])
    assert [peek(each.envelope).id for each in given_back(in_hand)] == [peek(unknown.envelope).id]
    assert len(in_hand) == 2, "what Redis gave to another worker is dropped"
    assert len(in_hand.dubious) == 1
