"""The connection is cut before and after each command of each transition.

Each story runs once through the proxy to learn its commands, then again for every one of them and
for every way to lose it. When the client has sent again or reconciled, nothing is lost, and nothing
is counted twice.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import IO

import pytest

from asok_core import hooks
from asok_core.backends.redis.calls.leases import NewEvent
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import IN_DOUBT, LastStacks, OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import DEAD_JOB, Claim, Outcome
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import Renewal
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.errors import Unreachable, UsageError
from asok_core.inspection.stacks import StackFrame, decode_kept
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.worker.config import WorkerConfig
from asok_core.worker.import_crashes import FailedImport, died_importing
from asok_core.worker.running.circuit_breaker import LIMIT, JobCheck
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.process import Process
from asok_core.worker.shared_state import SharedState
from asok_core.worker.supervising.recovery import Recovery
from asok_core.worker.supervising.settling import postpone_imports
from asok_core.worker.wakeup import Alarm
from tests.conftest import SECRET_KEY
from tests.model.crash_points import (
    KEYRING,
    CrashBench,
    fail,
    ran,
    reported_with_every_cut,
    until_done,
    work,
)
from tests.model.cutter import Cutter
from tests.programs import PATIENCE, wait_until

QUEUES = ("high", "default")
DEAD = Scope(Location.DEAD)
LARGEST = 20_000


def _process(config: WorkerConfig, shared: IO[bytes], orders: int) -> Process:
    """A process of a worker, in this one."""
    slots = config.concurrency
    alarm = Alarm(orders)
    return Process(
        config,
        "w.1",
        SharedState(shared, slots),
        alarm,
        slots=slots,
        notify_supervisor=lambda: None,
    )


def test_enqueue(bench: CrashBench) -> None:
    jobs = [*bench.jobs(3), Job("later", "m", "f", due_at=time.time() + 3600)]

    def story(cutter: Cutter) -> None:
        producer = RedisProducer(bench.settings(cutter.url))
        # A caller does not notice one lost connection.
        assert producer.enqueue(jobs) == [True] * 4
        cutter.deliver()
        assert bench.locations() == {"queue": [job.id for job in jobs[:3]], "delayed": ["later"]}
        assert bench.counters() == {"enqueued": 4}
        assert [bench.status(job) for job in jobs] == ["pending"] * 3 + ["scheduled"]
        producer.close()

    reported_with_every_cut(bench, lambda: None, story)


def test_a_process_at_work(bench: CrashBench) -> None:
    """Claim, start, complete, retry and fail, the idle wait and its end, drain."""
    first = [*bench.jobs(2), *bench.jobs(2, "fail", queue="high")]
    retried = Job("again", fail.__module__, "fail", ("again",), retries=1, backoff=1000)
    late = Job("late", work.__module__, "work", ("late",))

    def prepare() -> None:
        ran.clear()
        bench.enqueue(*first, retried)

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(bench.server.url), Keys())
        registry.heartbeat("w", QUEUES, {"queues": ",".join(QUEUES), "processes": 1})
        registry.close()
        settings = bench.settings(cutter.url)
        config = WorkerConfig(settings, "w", QUEUES, concurrency=2)
        read, write = os.pipe()
        with tempfile.TemporaryFile() as file:
            process = _process(config, file, read)
            pool = ThreadPoolExecutor(1)
            ended = pool.submit(_end_when_done, bench, cutter, late, write)
            process._persist(process._dispatcher.reconcile)
            while process._dispatcher.open:
                process._persist(process._dispatcher.turn)
            process._drain()
            process._dispatcher._threads.end()
            process._consumer.close()
            process._blocked.close()
            ended.result(PATIENCE)
            pool.shutdown()
        cutter.deliver()
        os.close(write)
        locations = bench.locations()
        assert sorted(locations.pop("dlq")) == ["fail-0", "fail-1"], ran
        assert locations == {"delayed": ["again"]}, ran
        assert bench.counters() == {
            "enqueued": 6,
            "completed": 3,
            "failed": 3,
            "dead": 2,
            "retried": 1,
        }
        assert set(ran.values()) == {1}, ran
        assert [bench.status(job) for job in (*first, retried, late)] == [
            *["completed"] * 2,
            *["failed"] * 2,
            "retrying",
            "completed",
        ]

    reported_with_every_cut(bench, prepare, story)


def _end_when_done(bench: CrashBench, cutter: Cutter, late: Job, control: int) -> None:
    """Push one more job to the idle worker; when all are done, order it to drain.

    A request that was late has arrived by then: if it still waits for a job, it gets this one.
    """

    def settled(**counters: int) -> bool:
        return counters.items() <= bench.counters().items()

    def waits() -> bool:
        return any(each["cmd"] == "blmove" for each in bench.client.client_list())

    def wait_for(condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, lambda: f"{what}: {bench.counters()}", interval=0.005)

    try:
        wait_for(lambda: settled(failed=3, completed=2), "the first jobs")
        wait_for(waits, "the idle wait")
        cutter.deliver()
        bench.enqueue(late)
        wait_for(lambda: settled(completed=3), "the late job")
    finally:
        # Whatever failed, the process has to end: the test joins this thread after that.
        os.write(control, b"drain\n")


@pytest.mark.parametrize("fault", ["wrong key", "missing module", "key that became wrong"])
def test_a_process_that_cannot_run_its_jobs(bench: CrashBench, fault: str) -> None:
    """It postpones, stops claiming, returns what it holds and tries one job at a time; then drains."""
    module = "no_such_module" if fault == "missing module" else work.__module__
    jobs = [Job(f"job-{n:02}", module, "work", (f"job-{n:02}",)) for n in range(16)]
    # What a process rejects that has run others before.
    most = LIMIT - 1 if fault == "key that became wrong" else 0

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(bench.server.url), Keys())
        registry.heartbeat("w", QUEUES, {"queues": ",".join(QUEUES), "processes": 1})
        registry.close()
        key = SECRET_KEY if fault == "missing module" else "another key"
        settings = replace(bench.settings(cutter.url), secret_key=key)
        read, write = os.pipe()
        with tempfile.TemporaryFile() as file:
            config = WorkerConfig(settings, "w", QUEUES, concurrency=2)
            process = _process(config, file, read)
            dispatcher = process._dispatcher
            if most:
                dispatcher._breaker.passes(*JobCheck)
                dispatcher._prefetch.size = 10
            process._persist(dispatcher.reconcile)
            while not dispatcher._breaker.reason:
                process._persist(dispatcher.turn)
            process._drain()
            dispatcher._threads.end()
            process._consumer.close()
            process._blocked.close()
        cutter.deliver()
        os.close(write)
        locations = bench.locations()
        dead, queue = locations.pop("dlq", []), locations.pop("queue", [])
        assert len(dead) == most, locations
        assert locations.keys() == {"delayed"}, locations
        assert sorted([*dead, *queue, *locations["delayed"]]) == [job.id for job in jobs]
        # In order, but for the newest one if it was tried and the reply got lost.
        assert sum(one > next_one for one, next_one in pairwise(queue)) <= 1, queue
        # More where a slow machine took too long over one that was tried.
        assert len(dead) + len(locations["delayed"]) >= LIMIT + 1, locations
        counters = {"enqueued": 16} | ({"failed": most, "dead": most} if most else {})
        assert bench.counters() == counters
        assert not ran
        for job in jobs:
            expected = "retrying" if job.id in locations["delayed"] else "pending"
            assert bench.status(job) == ("failed" if job.id in dead else expected)

    def prepare() -> None:
        ran.clear()
        bench.enqueue(*jobs)

    reported_with_every_cut(bench, prepare, story)


def test_a_late_claim_takes_nothing(bench: CrashBench) -> None:
    """Redis would hold jobs for a process that does not know of them and never asks again."""
    jobs = bench.jobs(3)

    def story(cutter: Cutter) -> None:
        consumer = Consumer(
            Endpoint(cutter.url), Keys(), worker="w", process="w.1", queues=QUEUES, dlq_max=9
        )
        held: list[Claim] = []
        try:
            held += consumer.cycle([], [], 2).claims
        except Unreachable:
            while True:
                try:
                    held += consumer.active().claims
                    break
                except Unreachable:
                    continue
        cutter.deliver()
        consumer.close()
        active = bench.locations().get("active", [])
        assert [peek(claim.envelope).id for claim in held[::-1]] in (active, active[::-1])

    def prepare() -> None:
        bench.enqueue(*jobs)
        bench.client.zadd("asok:workers", {"w": 9e15})

    reported_with_every_cut(bench, prepare, story)


def test_heartbeat_and_deregistration(bench: CrashBench) -> None:
    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        until_done(lambda: registry.heartbeat("w", QUEUES, {"processes": 1}), cutter)
        assert bench.client.zcard("asok:workers") == 1
        until_done(lambda: registry.leave("w", ["asok:active:w.1:default"]), cutter)
        registry.close()
        assert not bench.client.exists("asok:workers", "asok:worker:w")

    reported_with_every_cut(bench, lambda: None, story)


def kinds(bench: CrashBench) -> list[bytes]:
    return [fields[b"kind"] for _, fields in bench.client.xrange("asok:events")]


def test_events_of_a_worker_are_written_with_what_they_report(bench: CrashBench) -> None:
    crash = NewEvent(1, "process_crashed", 5, '["worker", "w", "process", "w.1"]')

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        fields: dict[str, str | int] = {"processes": 1, "release": "b", "queues": "high,default"}
        until_done(lambda: registry.heartbeat("w", QUEUES, fields), cutter)
        until_done(lambda: registry.heartbeat("w", QUEUES, fields, events=[crash]), cutter)
        until_done(lambda: registry.leave("w", ["asok:active:w.1:default"], reason="TERM"), cutter)
        registry.close()
        expected = [b"worker_started", b"release_changed", b"process_crashed", b"worker_stopped"]
        assert kinds(bench) == expected

    def prepare() -> None:
        bench.client.hset("asok:server", "release:default", "a")

    reported_with_every_cut(bench, prepare, story)


def test_events_of_a_recovery_are_written_once(bench: CrashBench) -> None:
    jobs = bench.jobs(3)

    def prepare() -> None:
        bench.client.zadd("asok:workers", {"w": 1, "other": 9e15})
        bench.client.hset("asok:worker:w", mapping={"queues": "default", "processes": "1"})
        for job in jobs:
            bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=100)

        def recover() -> None:
            orphaned.recover("w.1", "default", guard="w", by="other", charged=())
            lists = ["asok:active:w.1:default"]
            assert registry.leave("w", lists, only_if_expired=True, by="other")

        until_done(recover, cutter)
        registry.close()
        assert bench.locations() == {"queue": [job.id for job in jobs]}
        assert kinds(bench) == [b"worker_lost", b"worker_recovered"]
        (_, recovered) = [fields for _, fields in bench.client.xrange("asok:events")]
        assert (recovered[b"returned"], recovered[b"dead"]) == (b"3", b"0")

    reported_with_every_cut(bench, prepare, story)


def test_a_pause_and_its_event_are_both_there_or_neither(bench: CrashBench) -> None:
    def story(cutter: Cutter) -> None:
        operator = RedisOperator(Endpoint(cutter.url), Keys(), KEYRING)

        def pause() -> None:
            operator.pause("mail")

        until_done(pause, cutter)
        operator.close()
        assert bench.client.smembers("asok:paused") == {b"mail"}
        assert kinds(bench) == [b"queue_paused"]

    reported_with_every_cut(bench, lambda: None, story)


def known(bench: CrashBench) -> set[bytes]:
    return set(bench.client.hkeys("asok:pauses"))


def test_a_pause_with_an_end_is_made_and_ends_in_one_step_each(bench: CrashBench) -> None:
    def story(cutter: Cutter) -> None:
        operator = RedisOperator(Endpoint(cutter.url), Keys(), KEYRING)
        registry = Registry(Endpoint(cutter.url), Keys())

        def pause() -> None:
            try:
                operator.pause("mail", reason="bank down", lasts=3600)
            finally:
                assert bench.client.smembers("asok:paused") == known(bench)
                assert bool(known(bench)) == bool(kinds(bench)) == bool(audited(bench))

        def end() -> None:
            try:
                promote_due(registry.connection, Keys(), by="w")
            finally:
                assert bench.client.smembers("asok:paused") == known(bench)
                assert bool(known(bench)) == (b"queue_resumed" not in kinds(bench))

        until_done(pause, cutter)
        assert known(bench) == {b"mail"}
        over = json.loads(bench.client.hget("asok:pauses", "mail")) | {"until": "1"}
        bench.client.hset("asok:pauses", "mail", json.dumps(over))
        until_done(end, cutter)
        operator.close()
        registry.close()
        assert known(bench) == set()
        # A call that was sent again changed the pause that it had made.
        first, *changed, last = kinds(bench)
        assert (first, last) == (b"queue_paused", b"queue_resumed")
        assert set(changed) <= {b"queue_paused"}

    reported_with_every_cut(bench, lambda: None, story)


def audited(bench: CrashBench) -> list[bytes]:
    return [
        fields[b"reason"] for _, fields in bench.client.xrange("asok:audit") if b"reason" in fields
    ]


def test_promote(bench: CrashBench) -> None:
    jobs = bench.jobs(5)

    def prepare() -> None:
        for n, job in enumerate(jobs, 1):
            bench.client.zadd("asok:delayed_tasks", {seal(job, KEYRING): n})
        bench.client.zadd("asok:delayed_tasks", {b"broken": 9})

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        until_done(lambda: promote_due(registry.connection, Keys(), by="w"), cutter)
        registry.close()
        assert bench.locations() == {"queue": [job.id for job in jobs], "dlq": [""]}

    reported_with_every_cut(bench, prepare, story)


def test_recover(bench: CrashBench) -> None:
    jobs = bench.jobs(5)

    def prepare() -> None:
        for job in jobs:
            bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))
        crashes = {"work-0": 2, "work-2": 2, "work-3": 3 * IN_DOUBT - 1}
        for job_id, times in crashes.items():
            bench.client.set(f"asok:crashes:{job_id}", times, ex=60)

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=100)

        def recover() -> None:
            registry.kill_waiters("w.1")
            charged, doubted = ["work-0", "work-1"], ["work-2", "work-3"]
            orphaned.recover("w.1", "default", charged=charged, doubted=doubted)

        until_done(recover, cutter)
        registry.close()
        rest = ["work-1", "work-2", "work-4"]
        assert bench.locations() == {"queue": rest, "dlq": ["work-3", "work-0"]}
        assert bench.client.get("asok:crashes:work-1") == b"1"
        assert bench.client.get("asok:crashes:work-2") == b"3"
        assert not bench.client.exists("asok:crashes:work-0", "asok:crashes:work-3")
        assert sorted(bench.notices()) == ["0 0 work-0", "0 0 work-3"]
        assert bench.counters() == {"dead": 2, "failed": 2}

    reported_with_every_cut(bench, prepare, story)


def test_the_last_stack_is_kept_with_the_return_of_its_job(bench: CrashBench) -> None:
    """Of a process that hung: of each job that is returned, the record has its own stack or none."""
    jobs = bench.jobs(3)
    stacks = {job.id: (StackFrame("shop.py", n, "send"),) for n, job in enumerate(jobs[:2])}

    def prepare() -> None:
        for job in jobs:
            bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))
            bench.client.hset(f"asok:job:{job.id}", "status", "running")
            bench.client.expire(f"asok:job:{job.id}", 3_600)

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=100)
        last = LastStacks("process hung", stacks)
        until_done(lambda: orphaned.recover("w.1", "default", charged=(), stacks=last), cutter)
        registry.close()
        assert bench.locations() == {"queue": [job.id for job in jobs]}
        texts = [bench.client.hget(f"asok:job:{job.id}", "stack") for job in jobs]
        kept = [decode_kept(text.decode()) for text in texts if text]
        assert [(each.why, each.process, each.stack) for each in kept if each] == [
            ("process hung", "w.1", stack) for stack in stacks.values()
        ]
        assert {bench.status(job) for job in jobs} == {"pending"}

    reported_with_every_cut(bench, prepare, story)


def test_a_shortage_of_memory_and_its_end_are_events_once(bench: CrashBench) -> None:
    def story(cutter: Cutter) -> None:
        registries = {name: Registry(Endpoint(cutter.url), Keys()) for name in "ab"}
        used = bench.client.info("memory")["used_memory"]
        for limit in (used, 0):
            bench.client.config_set("maxmemory", limit)
            for name, each in registries.items():
                until_done(partial(each.heartbeat, name, ["default"], {}), cutter)
        for each in registries.values():
            each.close()
        warnings = [kind for kind in kinds(bench) if kind.startswith(b"warning")]
        assert warnings == [b"warning_raised", b"warning_cleared"]

    reported_with_every_cut(bench, lambda: None, story)


@pytest.mark.parametrize("way", ["claim", "active", "recover", "promote", "renew"])
def test_what_is_oversized_is_set_aside_once(bench: CrashBench, way: str) -> None:
    """By the first that finds it, beside a job that is not touched by that or goes its usual way."""
    (job,) = bench.jobs(1)
    entry = bytes(LARGEST + 1)
    key = "asok:queue" if way in ("claim", "renew") else "asok:active:w.1:default"

    def prepare() -> None:
        bench.client.zadd("asok:workers", {"w": 9e15})
        bench.client.sadd("asok:queues", "default")
        for raw in (entry, seal(job, KEYRING)):
            if way == "promote":
                bench.client.zadd("asok:delayed_tasks", {raw: 1.0})
            else:
                bench.client.lpush(key, raw)

    def story(cutter: Cutter) -> None:
        endpoint = Endpoint(cutter.url)
        consumer = Consumer(
            endpoint,
            Keys(),
            worker="w",
            process="w.1",
            queues=["default"],
            dlq_max=9,
            largest=LARGEST,
        )
        registry = Registry(endpoint, Keys())
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=9, largest=LARGEST)
        acts: dict[str, Callable[[], object]] = {
            "claim": lambda: consumer.cycle([], [], 1),
            "active": consumer.active,
            "recover": lambda: orphaned.recover("w.1", "default", charged=()),
            "promote": lambda: promote_due(registry.connection, Keys(), by="w", largest=LARGEST),
            "renew": lambda: Renewal(Keys(), "w", largest=LARGEST).step(registry.connection),
        }

        def act() -> None:
            bench.client.delete("asok:renewing")
            acts[way]()

        until_done(act, cutter)
        consumer.close()
        registry.close()
        (dead,) = (peek(raw) for raw in bench.client.lrange("asok:dlq", 0, -1))
        assert dead.trust is Trust.OVERSIZED
        (aside,) = bench.client.keys("asok:oversized:*")
        assert bench.client.lrange(aside, 0, -1) == [entry]
        locations = bench.locations()
        assert locations.pop("dlq") == [""]
        # A claim that was cut may have been made twice: then it has claimed the job as well.
        usual = {"active": ["active"], "claim": ["queue", "active"]}.get(way, ["queue"])
        assert locations in [{location: [job.id]} for location in usual]
        assert bench.counters() == {"dead": 1, "failed": 1}
        assert bench.notices() == ["0 0 "]

    reported_with_every_cut(bench, prepare, story)


def test_recover_from_an_import_that_killed_its_process(bench: CrashBench) -> None:
    jobs = bench.jobs(4)

    def prepare() -> None:
        for job in jobs:
            bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))

    def story(cutter: Cutter) -> None:
        config = WorkerConfig(bench.settings(cutter.url), "w", QUEUES, concurrency=2)
        registry = Registry(Endpoint(cutter.url), Keys())
        failed = {"work-1": FailedImport("shop", died_importing("exit code 9"))}

        def recover() -> None:
            postpone_imports(config, registry, "w.1", "default", failed)
            OrphanedJobs(registry, crash_limit=1, dlq_max=100).recover("w.1", "default", charged=())

        until_done(recover, cutter)
        registry.close()
        rest = ["work-0", "work-2", "work-3"]
        assert bench.locations() == {"queue": rest, "delayed": ["work-1"]}
        ((raw, _),) = bench.client.zrange("asok:delayed_tasks", 0, -1, withscores=True)
        assert (job := peek(raw, KEYRING).job) is not None
        assert (job.postponements, job.retry_count) == (1, 0)
        assert bench.status(jobs[1]) == "retrying"
        assert bench.counters() == {}
        assert not bench.client.keys("asok:crashes:*")

    reported_with_every_cut(bench, prepare, story)


def test_a_failure_leaves_its_notice_where_it_is_settled(bench: CrashBench) -> None:
    final, again = bench.jobs(2)
    dead_jobs = [
        dead_entry(seal(job, KEYRING), failed_at=1.0, error="E: words") for job in (final, again)
    ]
    later = seal(again.retried(), KEYRING)

    def prepare() -> None:
        for job in (final, again):
            bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))

    def story(cutter: Cutter) -> None:
        consumer = Consumer(
            Endpoint(cutter.url), Keys(), worker="w", process="w.1", queues=QUEUES, dlq_max=9
        )
        claims = [Claim("default", seal(job, KEYRING)) for job in (final, again)]
        outcomes = [
            Outcome("fail", claims[0], id=final.id, moved=dead_jobs[0], notice=DEAD_JOB),
            Outcome("retry", claims[1], id=again.id, moved=later, delay=60.0, notice=dead_jobs[1]),
        ]
        until_done(lambda: consumer.cycle(outcomes, (), 0), cutter)
        consumer.close()
        assert bench.locations() == {"dlq": [final.id], "delayed": [again.id]}
        assert sorted(bench.notices()) == [f"0 0 {final.id}", f"0 1 {again.id}"]
        assert 0 < bench.client.ttl("asok:notices:default") <= 86_400

    reported_with_every_cut(bench, prepare, story)


def test_a_notice_stays_until_hooks_were_called_for_it(bench: CrashBench) -> None:
    jobs = bench.jobs(3)

    def prepare() -> None:
        for job in jobs:
            dead_job = dead_entry(seal(job, KEYRING), failed_at=1.0, error="TimeoutError: too long")
            bench.client.zadd("asok:notices:default", {b"0 0 " + dead_job: 1.0})
        bench.client.expire("asok:notices:default", 600)

    def story(cutter: Cutter) -> None:
        called: Counter[str] = Counter()

        def note(job: Job, _error: BaseException, _will_retry: bool) -> None:
            # The notice stays in Redis until the hook has returned.
            assert any(each.endswith(f" {job.id}") for each in bench.notices())
            called[job.id] += 1

        endpoint = Endpoint(cutter.url)
        with tempfile.TemporaryFile() as file:
            notices = FailureNotices(
                endpoint, Keys(), KEYRING, process="w.1", queues=QUEUES, shared=SharedState(file, 1)
            )
            hooks.failure(note)
            try:
                for _ in range(3):
                    # As soon as the time of one that was taken is over.
                    for notice in bench.client.zrange("asok:notices:default", 0, -1):
                        bench.client.zadd("asok:notices:default", {notice: 1.0})
                    notices._run()
            finally:
                hooks.remove(note)
        cutter.deliver()
        assert set(called) == {job.id for job in jobs}
        assert called.total() <= len(jobs) + 1
        assert bench.notices() == []

    reported_with_every_cut(bench, prepare, story)


@pytest.mark.parametrize(("stopping", "crashes"), [(0, b"1"), (1, None)], ids=["", "stopping"])
def test_a_worker_that_is_proved_dead(
    bench: CrashBench, stopping: int, crashes: bytes | None
) -> None:
    jobs = bench.jobs(4)
    dead, beside, queues = "dead-1-abcd", "beside-2-abcd", ("high", "default")

    def prepare() -> None:
        bench.client.zadd("asok:workers", dict.fromkeys((dead, beside), (time.time() + 600) * 1000))
        bench.client.sadd("asok:place:here", dead, beside)
        bench.client.expire("asok:place:here", 60)
        said = {"queues": ",".join(queues), "processes": 2, "stopping": stopping}
        bench.client.hset(f"asok:worker:{dead}", mapping=said)
        for at, job in enumerate(jobs):
            active = f"asok:active:{dead}.{at % 2 + 1}:default"
            bench.client.lpush(active, seal(job, KEYRING))
        bench.client.hset("asok:job:work-0", mapping={"status": "running", "worker": f"{dead}.1"})

    def story(cutter: Cutter) -> None:
        settings = bench.settings(cutter.url)
        registry = Registry(Endpoint(cutter.url), Keys())
        config = WorkerConfig(settings, beside, queues)
        # One that has just reconnected would wait for others to do so as well: each is a new one.
        until_done(lambda: Recovery(config, registry, "here").others(), cutter)
        registry.close()
        assert {location: sorted(ids) for location, ids in bench.locations().items()} == {
            "queue": [job.id for job in jobs]
        }
        charged = bench.client.mget(*(f"asok:crashes:{job.id}" for job in jobs))
        assert charged == [crashes, None, None, None]
        assert bench.client.zrange("asok:workers", 0, -1) == [beside.encode()]
        assert not bench.client.exists(f"asok:worker:{dead}")
        assert bench.counters() == {}

    reported_with_every_cut(bench, prepare, story)


def test_a_late_recovery_does_not_take_from_the_successor(bench: CrashBench) -> None:
    """The same list belongs to the next process of that name by the time the request arrives."""
    job = bench.jobs(1)[0]

    def prepare() -> None:
        bench.client.lpush("asok:active:w.1:default", seal(job, KEYRING))

    def story(cutter: Cutter) -> None:
        registry = Registry(Endpoint(cutter.url), Keys())
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=100)
        for _ in range(2):
            try:
                orphaned.recover("w.1", "default", charged=[job.id])
            except Unreachable:
                continue
            break
        bench.client.lmove("asok:queue", "asok:active:w.1:default", "RIGHT", "LEFT")
        cutter.deliver()
        registry.close()
        assert bench.locations() == {"active": [job.id]}
        assert bench.client.get(f"asok:crashes:{job.id}") == b"1"

    reported_with_every_cut(bench, prepare, story)


def _buried(bench: CrashBench, jobs: list[Job]) -> Callable[[], None]:
    def prepare() -> None:
        for n, job in enumerate(jobs, 1):
            dead_job = dead_entry(seal(job, KEYRING), failed_at=float(n), error="no")
            bench.client.lpush("asok:dlq", dead_job)
            bench.client.hset(f"asok:job:{job.id}", "status", "failed")
            bench.client.expire(f"asok:job:{job.id}", 60)

    return prepare


@contextmanager
def _operator(cutter: Cutter) -> Iterator[RedisOperator]:
    operator = RedisOperator(Endpoint(cutter.url), Keys(), KEYRING, who="me@here")
    yield operator
    operator.close()


def test_requeue(bench: CrashBench) -> None:
    jobs = bench.jobs(5)

    def story(cutter: Cutter) -> None:
        with _operator(cutter) as operator:
            until_done(lambda: operator.requeue(DEAD), cutter)
        assert bench.locations() == {"queue": [job.id for job in jobs]}
        assert bench.counters() == {"enqueued": 5}
        assert {bench.status(job) for job in jobs} == {"pending"}

    reported_with_every_cut(bench, _buried(bench, jobs), story)


@pytest.mark.parametrize("chosen", [None, frozenset({"work-1", "work-3"})], ids=["all", "some"])
def test_purge_and_restore(bench: CrashBench, chosen: frozenset[str] | None) -> None:
    jobs = bench.jobs(5)
    everything = [job.id for job in jobs]
    taken = [each for each in everything if chosen is None or each in chosen]
    left = [each for each in everything if each not in taken]

    def story(cutter: Cutter) -> None:
        with _operator(cutter) as operator:
            until_done(lambda: operator.purge(Scope(Location.DEAD, ids=chosen)), cutter)
            locations = bench.locations()
            assert locations.pop("dlq", []) == left
            assert sorted(locations.pop("trash")) == taken
            assert locations == {}
            trashes = [key.decode() for key in bench.client.keys("asok:trash:*")]
            assert all(bench.client.ttl(key) > 0 for key in trashes)
            for operation in {key.split(":")[2] for key in trashes}:

                def restore(operation: str = operation) -> None:
                    try:
                        operator.restore(operation)
                    except UsageError:
                        assert not bench.client.exists(f"asok:trash:{operation}")

                until_done(restore, cutter)
        assert bench.locations() == {"dlq": everything}

    reported_with_every_cut(bench, _buried(bench, jobs), story)


def test_edit_and_its_undo(bench: CrashBench) -> None:
    (job,) = bench.jobs(1)

    def story(cutter: Cutter) -> None:
        (raw,) = bench.client.lrange("asok:dlq", 0, -1)
        with _operator(cutter) as operator:
            until_done(lambda: operator.edit(raw, ["other"], {}), cutter)
            # The original is kept beside the edited job.
            assert bench.locations() == {"queue": [job.id], "trash": [job.id]}
            assert bench.status(job) == "pending"
            (trash,) = (key.decode() for key in bench.client.keys("asok:trash:*[!t]"))

            def undo() -> None:
                try:
                    operator.restore(trash.split(":")[2])
                except UsageError:
                    assert not bench.client.exists(trash)

            until_done(undo, cutter)
        assert bench.locations() == {"dlq": [job.id]}
        assert bench.status(job) == "failed"

    reported_with_every_cut(bench, _buried(bench, [job]), story)


def test_a_requeue_to_the_front(bench: CrashBench) -> None:
    jobs, waiting = bench.jobs(3), Job("waits", work.__module__, "work", ("waits",))

    def prepare() -> None:
        _buried(bench, jobs)()
        bench.enqueue(waiting)

    def story(cutter: Cutter) -> None:
        with _operator(cutter) as operator:
            until_done(lambda: operator.requeue(DEAD, front=True), cutter)
        assert bench.locations() == {"queue": [*(job.id for job in jobs), waiting.id]}

    reported_with_every_cut(bench, prepare, story)


def test_empty_trash(bench: CrashBench) -> None:
    jobs = bench.jobs(5)

    def prepare() -> None:
        _buried(bench, jobs)()
        operator = RedisOperator(Endpoint(bench.server.url), Keys(), KEYRING, who="me@here")
        operator.purge(Scope(Location.DEAD, ids=frozenset(["work-1", "work-3"])))
        operator.purge(DEAD)
        operator.close()

    def story(cutter: Cutter) -> None:
        operations = [key.decode().split(":")[2] for key in bench.client.keys("asok:operation:*")]
        with _operator(cutter) as operator:
            until_done(lambda: operator.empty_trash(operations), cutter)
        assert bench.locations() == {}
        entries = [fields for _, fields in bench.client.xrange("asok:audit")]
        emptied = [entry for entry in entries if entry[b"action"] == b"empty"]
        assert sum(int(entry[b"applied"]) for entry in emptied) == len(jobs), "counted once"
        assert {bench.status(job) for job in jobs} == {"failed"}

    reported_with_every_cut(bench, prepare, story)


def test_cancel(bench: CrashBench) -> None:
    jobs = bench.jobs(5)
    chosen = frozenset({"work-0", "work-3", "work-4"})

    def prepare() -> None:
        bench.enqueue(*jobs)

    def story(cutter: Cutter) -> None:
        scope = Scope(Location.PENDING, queue="default", ids=chosen)
        with _operator(cutter) as operator:
            until_done(lambda: operator.cancel(scope), cutter)
        locations = bench.locations()
        assert locations["queue"] == ["work-1", "work-2"]
        assert sorted(locations["trash"]) == sorted(chosen)
        assert [bench.status(job) for job in jobs] == [
            "cancelled" if job.id in chosen else "pending" for job in jobs
        ]

    reported_with_every_cut(bench, prepare, story)


@pytest.mark.parametrize("is_lost", [True, False])
def test_cancel_lost(bench: CrashBench, is_lost: bool) -> None:
    (job,) = bench.jobs(1, unique="one")

    def prepare() -> None:
        bench.enqueue(job)
        if is_lost:
            bench.client.delete("asok:queue")

    def story(cutter: Cutter) -> None:
        with _operator(cutter) as operator:
            until_done(lambda: operator.cancel_lost(job.id), cutter)
        assert bench.status(job) == ("cancelled" if is_lost else "pending")
        assert bench.client.exists("asok:unique:one") == (not is_lost)
        assert bench.client.xlen("asok:audit") == is_lost

    reported_with_every_cut(bench, prepare, story)
