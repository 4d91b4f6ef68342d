"""Holds from turn to turn of a process: it reads them, confirms them, and claims other jobs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import IO

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.inspection.hold_conditions import parse_condition
from asok_core.inspection.holds import Hold, Holds
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from asok_core.worker.config import WorkerConfig
from asok_core.worker.running.dispatcher import Dispatcher
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import KEYRING
from tests.programs import wait_until
from tests.users import user_url
from tests.worker.running.test_holding import TASK, SlowRunner, claimed_job


class AskedConsumer(Consumer):
    """Calls a function as it is asked for the holds."""

    during: Callable[[], object] = bool

    def holds(self) -> Holds:
        self.during()
        return super().holds()


class Turns:
    """A dispatcher, and what it was made of."""

    def __init__(self, url: str, file: IO[bytes]) -> None:
        endpoint, settings = Endpoint(url), Settings()
        config = WorkerConfig(settings, "w", ("default",))
        with closing(Registry(endpoint, Keys())) as registry:
            registry.heartbeat("w", config.queues, {})
        self.consumer = AskedConsumer(
            endpoint, Keys(), worker="w", process="w.1", queues=config.queues, dlq_max=10
        )
        self.runner = SlowRunner(settings, KEYRING, release="4f2a1c")
        self._blocked = BlockedClaims(endpoint, Keys(), "w.1")
        self._shared = shared = SharedState(file, 1)
        self.dispatcher = Dispatcher(
            config,
            self.consumer,
            self._blocked,
            runner=self.runner,
            shared=shared,
            alarm=Alarm(),
            notices=FailureNotices(
                endpoint, Keys(), KEYRING, process="w.1", queues=config.queues, shared=shared
            ),
            slots=1,
            notify_supervisor=lambda: None,
        )
        self.jobs = self.dispatcher._jobs
        self.dispatcher.reconcile()

    @property
    def confirmed(self) -> int:
        """The generation of holds that the process has reported to enforce."""
        return self._shared.holds

    def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Turn until a condition is met."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "no turn brought it"
            self.dispatcher.turn(0.02)

    def close(self) -> None:
        """End its threads and connections."""
        self.runner.opened.set()
        self.jobs.threads.end()
        self._blocked.close()
        self.consumer.close()


@pytest.fixture
def make_turns() -> Iterator[Callable[[str], Turns]]:
    SlowRunner.opening.clear()
    SlowRunner.opened.clear()
    with ExitStack() as stack:

        def make(url: str) -> Turns:
            file = stack.enter_context(tempfile.TemporaryFile())
            return stack.enter_context(closing(Turns(url, file)))

        yield make


@pytest.fixture
def operator(redis_url: str) -> Iterator[RedisOperator]:
    made = RedisOperator(Endpoint(redis_url), Keys(), KEYRING)
    yield made
    made.close()


def test_a_rule_of_another_release_is_not_confirmed(
    make_turns: Callable[[str], Turns], redis_url: str
) -> None:
    turns = make_turns(redis_url)
    found = turns.runner.holding
    with redis.Redis.from_url(redis_url) as client:
        client.hset("asok:holds", mapping={"abc": '{"form": 2, "task": "x"}', "generation": "7"})
        turns.until(lambda: found.generation == 7)
        turns.dispatcher.turn(0)
        assert (found.whole, turns.confirmed) == (False, 0)
        client.hdel("asok:holds", "abc")
        client.hset("asok:holds", "generation", "8")
        turns.until(lambda: turns.confirmed == 8)


def test_holds_are_not_confirmed_while_a_thread_may_start_a_job_by_former_ones(
    make_turns: Callable[[str], Turns], redis_url: str, operator: RedisOperator
) -> None:
    turns = make_turns(redis_url)
    turns.jobs.threads.runs_until = float("inf")
    turns.jobs.start([claimed_job("slow")], few=False)
    assert turns.runner.opening.wait(10)
    made = operator.add_hold(Hold("", queue="other"))
    turns.runner.holding.changed = True
    turns.until(lambda: turns.runner.holding.generation == made.generation)
    turns.dispatcher.turn(0)
    assert turns.confirmed == 0
    turns.runner.opened.set()
    turns.until(lambda: turns.confirmed == made.generation)


def test_a_new_process_does_not_pause_between_jobs_that_are_held(
    make_turns: Callable[[str], Turns],
    redis_url: str,
    operator: RedisOperator,
    make_settings: Callable[..., Settings],
) -> None:
    """Until a job has run in it, it claims one at a time: one that is held has not failed."""
    operator.add_hold(Hold("", task=TASK, conditions=(parse_condition("0=7"),)))
    jobs = [Job(new_id(), "tests.worker.jobs", "give", (each,)) for each in (7, 7, 7, 8)]
    with closing(RedisProducer(make_settings())) as producer:
        assert producer.enqueue(jobs) == [True] * 4
        turns = make_turns(redis_url)

        def statuses() -> list[str]:
            records = [producer.record(job.id) for job in jobs]
            return [each.status if each else "" for each in records]

        turns.until(lambda: statuses() == ["held", "held", "held", "completed"], seconds=4.0)


def test_a_job_claimed_before_does_not_start_between_a_new_lease_and_the_new_holds(
    make_turns: Callable[[str], Turns], redis_url: str, operator: RedisOperator
) -> None:
    """Without a lease a process is not asked whether it enforces a hold."""
    turns = make_turns(redis_url)
    threads, waiting = turns.jobs.threads, claimed_job(7)

    def start_it() -> None:
        turns.jobs.start([waiting], few=False)
        wait_until(lambda: threads.finished, "the end of the job")

    threads.runs_until = 0.0
    operator.add_hold(Hold("", task=TASK))
    turns.consumer.during = start_it
    turns.dispatcher._cycle.run(0, [])
    assert list(threads.finished) == [(waiting, None)]
    assert threads.runs_until > time.monotonic()


def test_a_hold_does_not_stop_a_worker_whose_user_has_the_rights_of_a_former_release(
    make_turns: Callable[[str], Turns],
    embedded_redis: Callable[..., EmbeddedRedis],
    make_settings: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = embedded_redis()
    settings = make_settings(ASOK_REDIS_URL=server.url)
    with (
        redis.Redis.from_url(server.url) as client,
        closing(RedisProducer(settings)) as producer,
        closing(RedisOperator(Endpoint(server.url), Keys(), KEYRING)) as operator,
    ):
        url = user_url(client, "worker", server.url)
        client.execute_command("ACL", "SETUSER", "worker", "-hscan", "-hexists", "-rpop")

        def next_is(status: str) -> bool:
            job = Job(new_id(), "tests.worker.jobs", "give", (7,))
            assert producer.enqueue([job]) == [True]
            turns.until(lambda: (found := producer.record(job.id)) and found.status == status)
            return True

        turns = make_turns(url)
        made = operator.add_hold(Hold("", task=TASK))
        assert next_is("completed")
        assert next_is("completed")
        assert turns.confirmed == 0
        assert [each.message for each in caplog.records].count(
            "Holds are not enforced, as this process may not read them"
        ) == 1
        client.execute_command("ACL", "SETUSER", "worker", "+hscan")
        turns.runner.holding._retry_at = 0.0
        assert next_is("held")
        turns.until(lambda: turns.confirmed == made.generation)
