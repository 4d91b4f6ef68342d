"""A running job is cancelled, cut before and after each command: it ends once, and never runs again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome, Verb
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import ActiveJob, Scope
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claim_cycle import ClaimCycle
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.process_jobs import ProcessJobs
from asok_core.worker.running.state_report import StateReport
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.model.crash_points import (
    KEYRING,
    CrashBench,
    reported_with_every_cut,
    settle,
    until_done,
)
from tests.model.cutter import Cut, Cutter

PROCESS = "w.1"


def _running(test_bench: CrashBench, job: Job, *, noted: bool = True) -> bytes:
    """Put a job that runs in the active list of a process, as its record says where it is ``noted``."""
    envelope = seal(job, KEYRING)
    client = test_bench.client
    client.zadd("asok:workers", {"w": 9e12})
    client.hset("asok:worker:w", mapping={"queues": "default", "slots": "1:1"})
    client.expire("asok:worker:w", 3_600)
    client.lpush(f"asok:active:{PROCESS}:default", envelope)
    fields = {"status": "running", "worker": PROCESS, "started_at": "1.0"}
    client.hset(f"asok:job:{job.id}", mapping=fields if noted else {"status": "pending"})
    return envelope


def _cancel(cutter: Cutter, job: Job, envelope: bytes) -> None:
    with closing(RedisOperator(Endpoint(cutter.url), Keys(), None, who="ann@host")) as operator:
        running = ActiveJob(job.id, PROCESS, "default", envelope)
        until_done(lambda: operator.stop_running([running], 10.0), cutter)


def _heartbeat(cutter: Cutter) -> dict[str, float]:
    found: dict[str, float] = {}
    with closing(Registry(Endpoint(cutter.url), Keys())) as registry:

        def renew() -> None:
            found.clear()
            found.update(registry.heartbeat("w", ("default",), {}).ends)

        until_done(renew, cutter)
    return found


def _ended(test_bench: CrashBench, job: Job) -> None:
    assert test_bench.locations() == {}
    assert test_bench.status(job) == "cancelled"
    record = test_bench.client.hgetall(f"asok:job:{job.id}")
    assert record[b"cancel_by"] == b"ann@host"
    assert not test_bench.client.exists("asok:unique:one", f"asok:crashes:{job.id}")
    fields = [test_bench.client.hgetall(key) for key in test_bench.client.keys("asok:stats:*:m*")]
    assert sum(int(each.get(b"cancelled", 0)) for each in fields) == 1


@pytest.mark.parametrize("verb", ["cancel", "return", "retry", "postpone"])
@pytest.mark.parametrize("noted", [True, False])
def test_however_its_attempt_ends_it_is_cancelled(
    bench: CrashBench, verb: Verb, noted: bool
) -> None:
    job = Job("work-0", __name__, "work", ("x",), retries=3, unique="one")
    envelopes: list[bytes] = []

    def prepare() -> None:
        bench.client.set("asok:unique:one", job.id, ex=60)
        envelopes[:] = [_running(bench, job, noted=noted)]

    def story(cutter: Cutter) -> None:
        (envelope,) = envelopes
        _cancel(cutter, job, envelope)
        assert list(_heartbeat(cutter)) == [job.id]
        outcome = Outcome(verb, Claim("default", envelope), job.id, job.task, unique="one")
        outcome.moved, outcome.delay = envelope, 60.0
        settle(cutter, PROCESS, outcome)
        _ended(bench, job)
        assert _heartbeat(cutter) == {}
        assert not bench.client.exists("asok:ends:w")

    reported_with_every_cut(bench, prepare, story)


@contextmanager
def _cycle(cutter: Cutter) -> Iterator[tuple[ClaimCycle, UnsettledOutcomes]]:
    """The round trip of a process, through the proxy, and the outcomes that it settles."""
    endpoint, queues = Endpoint(cutter.url), ["default"]
    consumer = Consumer(endpoint, Keys(), worker="w", process=PROCESS, queues=queues, dlq_max=100)
    with closing(consumer), tempfile.TemporaryFile() as file:
        runner, shared = AttemptRunner(Settings(), KEYRING), SharedState(file, 1)
        unsettled = UnsettledOutcomes(consumer, runner.outcomes, shared)
        threads = Threads(1, runner, shared, Alarm())
        try:
            cycle = ClaimCycle(
                consumer,
                runner,
                jobs=ProcessJobs(threads, unsettled, runner.outcomes),
                notices=FailureNotices(
                    endpoint, Keys(), KEYRING, process=PROCESS, queues=queues, shared=shared
                ),
                report=StateReport(shared, runner.breaker, lambda: None),
            )
            yield cycle, unsettled
        finally:
            threads.end()


@pytest.mark.parametrize("way", ["claimed ahead", "idle wait", "idle wait without a lease"])
def test_one_that_has_not_begun_is_not_returned(bench: CrashBench, way: str) -> None:
    """Its process was held up before it began; the queue was paused, or the lease ended, after that."""
    job = Job("work-0", __name__, "work", ("x",), unique="one")
    envelopes: list[bytes] = []

    def prepare() -> None:
        bench.client.set("asok:unique:one", job.id, ex=60)
        envelopes[:] = [_running(bench, job, noted=False)]
        bench.client.sadd("asok:paused", "default")
        if way == "idle wait without a lease":
            bench.client.delete("asok:paused", "asok:workers")

    def story(cutter: Cutter) -> None:
        (envelope,) = envelopes
        _cancel(cutter, job, envelope)
        claimed = ClaimedJob(Claim("default", envelope))
        with _cycle(cutter) as (cycle, unsettled):
            if way == "claimed ahead":
                unsettled.add(claimed, Outcome("return", claimed.claim))
            else:
                until_done(lambda: cycle.run(0, (), [claimed]), cutter)
                assert claimed.gone
            until_done(lambda: cycle.run(0), cutter)
            until_done(lambda: cycle.run(0), cutter)
            assert len(unsettled) == 0
        bench.client.delete("asok:paused")
        _ended(bench, job)

    reported_with_every_cut(bench, prepare, story)


def test_an_entry_that_only_names_a_cancelled_job_is_rejected(bench: CrashBench) -> None:
    job = Job("work-0", __name__, "work", ("x",))
    forged = _running(bench, job, noted=False).replace(b'\\"x\\"', b'\\"y\\"')
    bench.client.lpush(f"asok:active:{PROCESS}:default", forged)
    bench.client.hset(f"asok:job:{job.id}", "cancel_asked", "1.0")
    bench.client.expire(f"asok:job:{job.id}", 3_600)
    with bench.cutter(None, Cut.REQUEST_LOST) as cutter, _cycle(cutter) as (cycle, unsettled):
        claimed = ClaimedJob(Claim("default", forged))
        unsettled.add(claimed, Outcome("return", claimed.claim))
        cycle.run(0)
        cycle.run(0)
        assert len(unsettled) == 0
    assert bench.client.llen("asok:dlq") == 1
    assert bench.status(job) != "cancelled"


@pytest.mark.parametrize("verb", ["return", "recover"])
def test_a_copy_of_one_that_completed_nevertheless_ends_nothing(
    bench: CrashBench, verb: str
) -> None:
    """The record keeps who cancelled it, and how it ended."""
    job = Job("work-0", __name__, "work", ("x",), retries=3)
    envelope = _running(bench, job)
    fields = {"status": "completed", "result": "1", "cancel_asked": "1.0", "cancel_by": "ann@host"}
    bench.client.hset(f"asok:job:{job.id}", mapping=fields)
    bench.client.expire(f"asok:job:{job.id}", 3_600)
    with bench.cutter(None, Cut.REQUEST_LOST) as cutter:
        if verb == "recover":
            with closing(Registry(Endpoint(cutter.url), Keys())) as registry:
                OrphanedJobs(registry, crash_limit=3, dlq_max=9).recover(
                    PROCESS, "default", charged=[]
                )
        else:
            with _cycle(cutter) as (cycle, unsettled):
                outcome = Outcome("return", Claim("default", envelope), job.id, job.task)
                unsettled.add(ClaimedJob(outcome.claim), outcome)
                cycle.run(0)
    assert bench.status(job) == "completed"
    assert bench.locations() == {"queue": [job.id]}, "what claims it finds that it is a copy"


def test_what_an_operator_requeues_after_a_review_is_not_cancelled(bench: CrashBench) -> None:
    job = Job("work-0", __name__, "work", ("x",))
    bench.client.lpush("asok:dlq", dead_entry(seal(job, KEYRING), failed_at=1.0, error="no"))
    fields = {"status": "failed", "cancel_asked": "1.0", "cancel_by": "ann@host"}
    bench.client.hset(f"asok:job:{job.id}", mapping=fields)
    endpoint = Endpoint(bench.server.url)
    with closing(RedisOperator(endpoint, Keys(), KEYRING, who="ann@host")) as operator:
        assert operator.requeue(Scope(Location.DEAD)).applied == 1
    assert not bench.client.hexists(f"asok:job:{job.id}", "cancel_asked")


@pytest.mark.parametrize("verb", ["complete", "fail"])
def test_one_that_completes_or_fails_for_good_does_so(bench: CrashBench, verb: Verb) -> None:
    job = Job("work-0", __name__, "work", ("x",))
    envelopes: list[bytes] = []

    def prepare() -> None:
        envelopes[:] = [_running(bench, job)]

    def story(cutter: Cutter) -> None:
        (envelope,) = envelopes
        _cancel(cutter, job, envelope)
        outcome = Outcome(
            verb, Claim("default", envelope), job.id, job.task, started_at=1.0, finished_at=2.0
        )
        outcome.moved, outcome.result = envelope, "null"
        settle(cutter, PROCESS, outcome)
        assert bench.status(job) == {"complete": "completed", "fail": "failed"}[verb]
        assert bench.locations() == ({"dlq": [job.id]} if verb == "fail" else {})
        if verb == "fail":
            # What an operator requeues is not cancelled.
            assert not bench.client.hexists(f"asok:job:{job.id}", "cancel_asked")
        assert _heartbeat(cutter) == {}

    reported_with_every_cut(bench, prepare, story)


def test_recovery_ends_it_and_returns_the_others(bench: CrashBench) -> None:
    job = Job("work-0", __name__, "work", ("x",), unique="one")
    other = Job("work-1", __name__, "work", ("x",))
    envelopes: list[bytes] = []

    def prepare() -> None:
        bench.client.set("asok:unique:one", job.id, ex=60)
        bench.client.set(f"asok:crashes:{job.id}", 2, ex=60)
        envelopes[:] = [_running(bench, job)]
        _running(bench, other)

    def story(cutter: Cutter) -> None:
        _cancel(cutter, job, envelopes[0])
        with closing(Registry(Endpoint(cutter.url), Keys())) as registry:
            orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=100)
            until_done(
                lambda: orphaned.recover(PROCESS, "default", charged=[job.id, other.id]), cutter
            )
        assert bench.locations() == {"queue": [other.id]}
        bench.client.delete("asok:queue")
        _ended(bench, job)
        assert bench.status(other) == "pending"

    reported_with_every_cut(bench, prepare, story)


def test_what_its_process_does_not_hold_is_left_alone(bench: CrashBench) -> None:
    job = Job("work-0", __name__, "work", ("x",))
    envelope = seal(job, KEYRING)
    bench.enqueue(job)
    with closing(
        RedisOperator(Endpoint(bench.server.url), Keys(), None, who="ann@host")
    ) as operator:
        result = operator.stop_running([ActiveJob(job.id, PROCESS, "default", envelope)], 10.0)
    assert (result.applied, result.skipped) == (0, {"no longer running there": 1})
    assert not bench.client.hexists(f"asok:job:{job.id}", "cancel_asked")
    assert bench.locations() == {"queue": [job.id]}


def test_a_request_does_not_expire_while_its_worker_runs_the_job(bench: CrashBench) -> None:
    """ASOK_CANCEL_WAIT may be days."""
    job = Job("work-0", __name__, "work", ("x",))
    envelope = _running(bench, job)
    with bench.cutter(None, Cut.REQUEST_LOST) as cutter:
        _cancel(cutter, job, envelope)
        bench.client.expire("asok:ends:w", 60)
        assert list(_heartbeat(cutter)) == [job.id]
        assert bench.client.ttl("asok:ends:w") > 3_600
