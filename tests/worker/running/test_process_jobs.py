"""What a process holds is known by identity: jobs whose claims are equal are two."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from asok_core.worker.config import WorkerConfig
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.dispatcher import Dispatcher
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.process_jobs import ProcessJobs
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import KEYRING
from tests.programs import wait_until


@pytest.fixture
def process_jobs(redis_url: str) -> Iterator[ProcessJobs]:
    consumer = Consumer(
        Endpoint(redis_url), Keys(), worker="w", process="w.1", queues=["default"], dlq_max=10
    )
    runner = AttemptRunner(Settings(), KEYRING)
    with tempfile.TemporaryFile() as file:
        shared = SharedState(file, 1)
        threads = Threads(1, runner, shared, Alarm())
        yield ProcessJobs(
            threads,
            UnsettledOutcomes(consumer, runner.outcomes, shared),
            runner.outcomes,
        )
        threads.end()
        consumer.close()


def claim(*args: object) -> Claim:
    return Claim("default", seal(Job(new_id(), "tests.worker.jobs", "give", args), KEYRING))


def returned(process_jobs: ProcessJobs) -> list[Claim]:
    return list(process_jobs.unsettled.claims())


def test_two_jobs_with_equal_claims_are_two() -> None:
    same = claim(1)
    first, second = ClaimedJob(same), ClaimedJob(same)
    assert first != second
    assert len({first, second}) == 2


def test_each_of_two_equal_claims_is_settled(process_jobs: ProcessJobs) -> None:
    """A program may push one envelope twice: each copy is claimed, and each has an outcome."""
    same = claim(1)
    process_jobs.threads.runs_until = float("inf")
    process_jobs.start([ClaimedJob(same), ClaimedJob(same)], few=False)
    assert len(process_jobs) == 2
    wait_until(lambda: len(process_jobs.threads.finished) == 2, "both to end")
    assert process_jobs.collect() == 2
    assert len(process_jobs) == 0
    assert returned(process_jobs) == [same, same]


def test_a_dubious_copy_does_not_pass_for_the_one_that_waits(process_jobs: ProcessJobs) -> None:
    same = claim(1)
    first, second = ClaimedJob(same, dubious=True), ClaimedJob(same, dubious=True)
    process_jobs.start([first, second], few=False)
    assert first not in process_jobs.dubious
    assert second in process_jobs.dubious


def test_what_waits_is_returned_with_the_oldest_last(process_jobs: ProcessJobs) -> None:
    claims = [claim(number) for number in range(3)]
    batch = [ClaimedJob(each, dubious=True) for each in claims]
    for claimed in batch:
        # None starts: the lease is over.
        process_jobs.start([claimed], few=False)
    wait_until(lambda: len(process_jobs.threads.finished) == 1, "the first to be refused a start")
    process_jobs.collect()
    assert process_jobs.uncertain
    process_jobs.return_waiting()
    assert returned(process_jobs) == [claims[2], claims[1]]


def test_a_comparison_with_redis_returns_what_is_not_known_here(
    process_jobs: ProcessJobs,
) -> None:
    known, unknown, lost = claim(1), claim(2), claim(3)
    # The first starts, and the others wait for its end.
    process_jobs.start([ClaimedJob(each, dubious=True) for each in (known, known, lost)], few=False)
    process_jobs.reconcile([known, known, unknown])
    assert [peek(each.envelope).id for each in returned(process_jobs)] == [
        peek(unknown.envelope).id
    ]
    assert len(process_jobs) == 2, "what Redis gave to another worker is dropped"
    assert len(process_jobs.dubious) == 1


def test_a_job_that_another_worker_has_by_now_does_not_start_before_the_comparison(
    redis_url: str,
) -> None:
    settings, endpoint = Settings(), Endpoint(redis_url)
    config = WorkerConfig(settings, "w", ("default",), concurrency=2)
    consumer = Consumer(
        endpoint, Keys(), worker="w", process="w.1", queues=config.queues, dlq_max=10
    )
    runner, blocked = AttemptRunner(settings, KEYRING), BlockedClaims(endpoint, Keys(), "w.1")
    with tempfile.TemporaryFile() as file:
        shared = SharedState(file, 2)
        dispatcher = Dispatcher(
            config,
            consumer,
            blocked,
            runner=runner,
            shared=shared,
            alarm=Alarm(),
            notices=FailureNotices(
                endpoint, Keys(), KEYRING, process="w.1", queues=config.queues, shared=shared
            ),
            slots=2,
            notify_supervisor=lambda: None,
        )
        jobs, threads = dispatcher._jobs, dispatcher._threads
        threads.runs_until = float("inf")
        first, second = (ClaimedJob(claim(number), dubious=True) for number in range(2))
        jobs.start([first, second], few=False)
        wait_until(lambda: threads.finished, "the first to end")
        # As after ALONE seconds. The lease was over, and Redis has neither of them for this process.
        jobs.dubious._next_at = 0.0
        jobs.uncertain = True
        jobs.start_next_dubious()
        assert second in jobs.dubious
        dispatcher.reconcile()
        assert len(jobs) == 0
        threads.end()
        blocked.close()
        consumer.close()
    assert second.started_at is None
