"""Conservation: whatever happens in whatever order, every job is in exactly one location.

Hypothesis calls every verb on a real Redis, as workers, producers and operators do, while leases and
records expire under them. After each step the whole of Redis is read: each job has made no move but
one that the verb may make, as many have moved as the verb says, counters and records agree, and
unfinished jobs have a record and hold their unique keys. Each envelope is signed, in the version in
which its job was enqueued, for the queue that it is in, and nothing that is claimed passes for a copy of
a job that has ended; whatever is done to such a copy leaves the record of the job as it is. A job that
did not complete has the last checkpoint that a process made of it while it held the job.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.calls.walks import DueJob, Promote
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.holds import end_holds, read_holds
from asok_core.backends.redis.consuming.limits import review_due
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, JobStart, Outcome, Verb
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import Renewal, renew_active
from asok_core.backends.redis.flags import EndedFlag, StartFlag
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import ActiveJob, OperationResult, Scope
from asok_core.errors import Refused, UsageError
from asok_core.inspection.holds import Hold
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal, seal_again
from asok_core.jobs.job import RECORD_TTL, UNFINISHED_TTL, Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.limits import Limit, bucket_of
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.limiting import Limiting
from tests.conftest import SECRET_KEY

KEYRING = Keyring(SECRET_KEY.encode())
QUEUES = ("high", "default", "low")
PROCESSES = ("one.1", "one.2", "two.1")
CRASH_LIMIT = 3
LARGEST = 20_000
"""Bytes of an envelope here: an entry that is larger is set aside."""

ASIDE = {("pending", "aside"), ("delayed", "aside"), ("active", "aside"), ("", "dead")}
"""An entry is set aside, and a dead job stands for it: two moves."""
MOVES = {
    "enqueue": {("", "pending"), ("", "delayed")},
    "claim": {("pending", "active"), *ASIDE},
    "wait": {("pending", "active")},
    "reconcile": ASIDE,
    "start": set(),
    "complete": {("active", "finished")},
    "retry": {("active", "delayed"), ("active", "finished")},
    "fail": {("active", "dead")},
    "reject": {("active", "dead")},
    "return": {("active", "pending"), ("active", "finished")},
    "postpone": {("active", "delayed"), ("active", "finished")},
    "hold": {("active", "held"), ("active", "pending")},
    "release": {("held", "pending")},
    "limit": {("active", "held"), ("held", "pending"), ("active", "pending")},
    "ask to stop": set(),
    "promote": {("delayed", "pending"), *ASIDE},
    "recover": {("active", "pending"), ("active", "dead"), ("active", "finished"), *ASIDE},
    "requeue": {("dead", "pending")},
    "edit": {("dead", "pending")},
    "undo an edit": {("pending", "dead")},
    "purge": {("dead", "trash"), ("pending", "trash")},
    "cancel": {
        *(("pending", "trash"), ("delayed", "trash"), ("held", "trash")),
        ("active", "finished"),
    },
    "restore": {("trash", "dead"), ("trash", "pending"), ("trash", "delayed")},
    "empty": {("trash", "finished")},
    "move": {("pending", "pending")},
    "pause": set(),
    "resume": set(),
    "expiry": set(),
    "renew": ASIDE,
    "lose": {
        *(("pending", "finished"), ("delayed", "finished"), ("held", "finished")),
        ("active", "finished"),
    },
}
LISTS = {
    "queue": "pending",
    "held": "held",
    "active": "active",
    "dlq": "dead",
    "trash": "trash",
    "oversized": "aside",
}
"""Second part of a list's name -> the location it is; ``:at`` of a trash holds no jobs."""
STATUSES = {
    "pending": {"pending"},
    "active": {"pending", "running"},
    "delayed": {"scheduled", "retrying"},
    "held": {"held"},
    "dead": {"failed"},
    "trash": {"failed", "cancelled"},
    "finished": {"completed", "cancelled"},
}
AFTER_A_CANCEL = (
    "",
    "complete",
    "retry",
    "fail",
    "return",
    "postpone",
    "unopened",
    "closed",
    "dies",
    "lost",
)
LIMIT = LimitRule("m.f", limit=Limit(at_once=2))
UNFINISHED = ("pending", "active", "delayed", "held")
WEEKS = 20 * 86_400


def name_of(raw: bytes) -> str:
    """The id of the job in an envelope or dead job; of what is no job the digest, as rows have it."""
    return peek(raw).id or sha1(raw, usedforsecurity=False).hexdigest()


@dataclass
class Memory:
    """What a worker's process believes to hold."""

    claims: list[Claim] = field(default_factory=list)
    running: set[str] = field(default_factory=set)


class Conservation(RuleBasedStateMachine):
    """Producers, the processes of two workers, their supervisors and an operator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.client: Any = redis.Redis.from_url(url)
        self.client.flushall()
        endpoint = Endpoint(url)
        chosen = {"ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
        self.producer = RedisProducer(Settings.load(chosen))
        self.producers = {
            1: self.producer,
            2: RedisProducer(Settings.load(chosen | {"ASOK_ENVELOPE": "both"})),
        }
        self.operator = RedisOperator(endpoint, Keys(), KEYRING, who="model@test")
        self.registry = Registry(endpoint, Keys())
        self.orphaned = OrphanedJobs(
            self.registry, crash_limit=CRASH_LIMIT, dlq_max=1000, largest=LARGEST
        )
        self.consumers = {
            process: Consumer(
                endpoint,
                Keys(),
                worker=process.partition(".")[0],
                process=process,
                queues=QUEUES,
                dlq_max=1000,
                largest=LARGEST,
            )
            for process in PROCESSES
        }
        self.memories = {process: Memory() for process in PROCESSES}
        self.locations: dict[str, str] = {}
        self.versions: dict[str, int | None] = {}
        self.envelopes: dict[str, dict[bytes, None]] = {}
        self.uniques: dict[str, str] = {}
        self.counters: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.reached: dict[str, bytes] = {}
        """The last checkpoint that a process made of a job which it held."""
        self.stopping: set[str] = set()
        self.forgotten: set[str] = set()
        self.cancelled: set[str] = set()
        """Active jobs that an operator has cancelled."""
        self.ended: set[str] = set()
        """Those that have ended for it: nothing brings them back."""
        self.operations: list[str] = []
        self.edits: dict[str, str] = {}
        self.number = 0
        self.holds: list[str] = []
        """Those that were made, in force or not."""
        self.released_in_part: set[str] = set()
        self.limiting = {process: Limiting(Redaction()) for process in PROCESSES}
        self.limited: dict[str, dict[str, ClaimedJob]] = {process: {} for process in PROCESSES}
        """Jobs that a limit has let their process start."""
        self.full = False
        self.deleted: set[str] = set()
        self.oversized: set[str] = set()
        for worker in ("one", "two"):
            self._heartbeat(worker)
        self.add_a_hold(None)

    def teardown(self) -> None:
        self.client.config_set("maxmemory", 0)
        for consumer in self.consumers.values():
            consumer.close()
        for each in (*self.producers.values(), self.operator, self.registry, self.client):
            each.close()

    # Producers

    @rule(
        queue=st.sampled_from(QUEUES),
        count=st.integers(1, 4),
        delayed=st.booleans(),
        unique=st.sampled_from(["", "", "", "a", "b"]),
        version=st.sampled_from([1, 2]),
    )
    def enqueue(self, queue: str, count: int, delayed: bool, unique: str, version: int = 1) -> None:
        due = float(self.client.time()[0]) + 3600 if delayed else None
        jobs = [self._job(queue, due_at=due, unique=unique or None) for _ in range(count)]
        if self.full:
            self._is_refused_for_memory(jobs)
            return
        flags = self.producers[version].enqueue(jobs)
        again = self.producers[version].enqueue(jobs)
        assert again >= flags, "what is in already is not refused when it is sent again"
        self._count("enqueued", sum(flags))
        self._moved("enqueue", sum(flags))

    def _is_refused_for_memory(self, jobs: list[Job]) -> None:
        """What brings new data is refused by a full Redis, and nothing of it is written."""
        taken = [self.producer.holder(job.unique or "") is not None for job in jobs]
        if all(taken):
            assert not any(self.producer.enqueue(jobs))
        else:
            with pytest.raises(Refused, match="out of memory"):
                self.producer.enqueue(jobs)
        self._moved("enqueue", 0)

    @rule(queue=st.sampled_from(QUEUES))
    def a_foreign_producer_pushes(self, queue: str) -> None:
        job = self._job(queue)
        self.forgotten.add(job.id)
        with self._room():
            self.client.lpush(Keys().queue(queue), seal(job, KEYRING))
        self._moved("enqueue", 1)

    @rule(queue=st.sampled_from(QUEUES), delayed=st.booleans(), next_to_run=st.booleans())
    def a_client_pushes_what_is_oversized(
        self, queue: str, delayed: bool, next_to_run: bool
    ) -> None:
        self.number += 1
        raw = b"entry %d " % self.number + bytes(LARGEST)
        self.oversized.add(name_of(raw))
        with self._room():
            if delayed:
                self.client.zadd("asok:delayed_tasks", {raw: 9e9})
            elif next_to_run:
                self.client.rpush(Keys().queue(queue), raw)
            else:
                self.client.lpush(Keys().queue(queue), raw)
        self._moved("enqueue", 1)

    # Workers

    @rule(process=st.sampled_from(PROCESSES), slots=st.integers(1, 5))
    def claim(self, process: str, slots: int) -> None:
        found = self._next_in_order(slots) if self._has_lease(process) else []
        expected = [each for each in found if each not in self.oversized]
        turn = self._cycle(process, [], [], slots)
        assert [peek(claim.envelope).id for claim in turn.claims] == expected
        assert not any(claim.ended_before for claim in turn.claims), "none of them is a copy"
        assert len(turn.aside) == len(found) - len(expected)
        self._moved("claim", len(expected) + self._set_aside(len(turn.aside)))

    def _set_aside(self, count: int) -> int:
        """The moves of ``count`` entries that were set aside."""
        self._count("dead", count)
        self._count("failed", count)
        return 2 * count

    @rule(process=st.sampled_from(PROCESSES), queue=st.sampled_from(QUEUES))
    def a_wait_brings_what_is_oversized(self, process: str, queue: str) -> None:
        """It is in the active list, and its process has read nothing of it."""
        next_to_run = self.client.lindex(Keys().queue(queue), -1)
        there = next_to_run is not None and name_of(next_to_run) in self.oversized
        if there:
            active = Keys().active(process, queue)
            with self._room():
                self.client.lmove(Keys().queue(queue), active, "RIGHT", "LEFT")
        self._moved("wait", int(there))

    @rule(process=st.sampled_from(PROCESSES))
    def reconcile(self, process: str) -> None:
        held = self._active(process)
        found = self.consumers[process].active()
        jobs = [each for each in held if each not in self.oversized]
        assert [peek(claim.envelope).id for claim in found.claims] == jobs
        assert len(found.aside) == len(held) - len(jobs)
        self._moved("reconcile", self._set_aside(len(found.aside)))

    @rule(process=st.sampled_from(PROCESSES), number=st.integers(1, 6))
    def try_one(self, process: str, number: int) -> None:
        """As a process that does not claim: from either end, and from each queue in turn."""
        queues = QUEUES[number // 2 % 3 :] + QUEUES[: number // 2 % 3]
        waiting = self._next_in_order(1000, queues, newest=number % 2 == 1)
        found = waiting[:1] if self._has_lease(process) else []
        expected = [each for each in found if each not in self.oversized]
        turn = self.consumers[process].cycle([], [], 1, probe=number)
        self.memories[process].claims += turn.claims
        assert [peek(claim.envelope).id for claim in turn.claims] == expected
        assert all(claim.queue == self._queue_of(claim) for claim in turn.claims)
        assert not any(claim.ended_before for claim in turn.claims)
        aside = self._set_aside(len(found) - len(expected))
        self._moved("claim", len(expected) + aside)

    @rule(process=st.sampled_from(PROCESSES))
    def start(self, process: str) -> None:
        memory = self.memories[process]
        held = set(self._active(process))
        starts = [self._start(claim) for claim in memory.claims]
        turn = self._cycle(process, [], starts, 0)
        assert turn.started == [int(start.id in held) for start in starts]
        memory.running |= {start.id for start in starts if start.id in held}
        self._moved("start", 0)

    @rule(process=st.sampled_from(PROCESSES))
    def make_checkpoints(self, process: str) -> None:
        """Of all that it believes to run; what another process has by now keeps that one's."""
        claims = self.memories[process].claims
        lists = {each: self.client.lrange(Keys().active(process, each), 0, -1) for each in QUEUES}
        records = self._records([name_of(claim.envelope) for claim in claims])
        rows = []
        for claim in claims:
            self.number += 1
            job_id = name_of(claim.envelope)
            made = str(self.number)
            row = TaskReport(claim.queue, claim.envelope, job_id, "1.000000", "", made)
            rows.append(row)
            if claim.envelope in lists[claim.queue] and records[job_id]:
                self.reached[job_id] = made.encode()
        self.consumers[process].cycle([], [], 0, reports=rows)
        self._moved("start", 0)

    @rule(process=st.sampled_from(PROCESSES))
    def ask_whether_to_begin(self, process: str) -> None:
        """As jobs that came by the idle wait: returned from a paused queue or without a lease."""
        memory = self.memories[process]
        held = set(self._active(process))
        asking = {
            job_id: claim
            for claim in memory.claims
            if (job_id := peek(claim.envelope).id) not in memory.running
        }
        starts = [JobStart(claim, returnable=True) for claim in asking.values()]
        turn = self._cycle(process, [], starts, 0)
        paused = {name.decode() for name in self.client.smembers("asok:paused")}
        closed = not self._has_lease(process)
        expected = [
            (6 if job_id in self.cancelled else 2)
            if job_id in held and (closed or claim.queue in paused)
            else int(job_id in held)
            for job_id, claim in asking.items()
        ]
        assert turn.started == expected
        refused = [
            claim for claim, flag in zip(asking.values(), turn.started, strict=True) if flag != 1
        ]
        memory.claims = [claim for claim in memory.claims if claim not in refused]
        self._moved("return", expected.count(2))
        cancelled = [
            self._outcome("return", claim)
            for claim, flag in zip(asking.values(), turn.started, strict=True)
            if flag == 6
        ]
        self._settle(process, "return", cancelled)

    @rule(
        process=st.sampled_from(PROCESSES),
        verb=st.sampled_from(
            ["complete", "retry", "fail", "reject", "cancel", "return", "postpone"]
        ),
        count=st.integers(1, 3),
    )
    def settle(self, process: str, verb: Verb, count: int) -> None:
        memory = self.memories[process]
        ended, memory.claims = memory.claims[:count], memory.claims[count:]
        self._settle(process, verb, [self._outcome(verb, claim) for claim in ended])
        memory.running -= {name_of(claim.envelope) for claim in ended}

    def _settle(self, process: str, verb: Verb, outcomes: list[Outcome]) -> None:
        held = set(self._active(process))
        # What has lost its lease is dropped, and nothing is written or counted for it.
        unfinished = verb in ("retry", "return", "postpone")
        # 5: Redis ends what an operator cancelled, whatever was sent. A process that lost its lease and
        # has claimed a job again believes to hold it twice.
        first = {outcome.id: at for at, outcome in reversed([*enumerate(outcomes)])}
        expected = [
            (5 if unfinished and outcome.id in self.cancelled else 1)
            if outcome.id in held and first[outcome.id] == at
            else 0
            for at, outcome in enumerate(outcomes)
        ]
        turn = self._cycle(process, outcomes, [], 0)
        assert turn.settled == expected
        again = self._cycle(process, outcomes, [], 0)
        assert not any(again.settled), "an outcome that is sent again counts once"
        settled = {outcome.id for outcome in outcomes} & held
        ended = settled & self.cancelled if unfinished or verb == "cancel" else set()
        others = len(settled - ended) if verb != "cancel" else 0
        self._count("cancelled", len(settled) - others)
        self._count({"complete": "completed", "retry": "retried"}.get(verb, ""), others)
        self._count("failed" if verb in ("retry", "fail", "reject") else "", others)
        self._count("dead" if verb in ("fail", "reject") else "", others)
        for job_id in settled if verb in ("complete", "fail", "reject", "cancel") else ended:
            del self.crashes[job_id]
        for job_id in settled if verb == "complete" else ():
            self.reached.pop(job_id, None)
        self._end(ended)
        self.cancelled -= settled
        self._moved(verb, len(settled))

    def _end(self, cancelled: set[str]) -> None:
        """Note which jobs have ended as they were cancelled."""
        self.ended |= cancelled
        self.cancelled -= cancelled

    @rule(process=st.sampled_from(PROCESSES), count=st.integers(1, 5))
    def return_unopened(self, process: str, count: int) -> None:
        """As jobs that were claimed ahead: their process has read nothing of them."""
        memory = self.memories[process]
        unopened = [
            claim for claim in memory.claims if name_of(claim.envelope) not in memory.running
        ][:count]
        memory.claims = [claim for claim in memory.claims if claim not in unopened]
        held = set(self._active(process))
        # One that another process holds by now is found when it is sent with its id.
        expected = [
            4 if name_of(claim.envelope) in self.cancelled else int(name_of(claim.envelope) in held)
            for claim in unopened
        ]
        outcomes = [Outcome("return", claim) for claim in unopened]
        assert self._cycle(process, outcomes, [], 0).settled == expected
        self._moved("return", expected.count(1))
        cancelled = [
            self._outcome("return", claim)
            for claim, flag in zip(unopened, expected, strict=True)
            if flag == 4
        ]
        self._settle(process, "return", cancelled)

    @rule()
    def everything_delayed_comes_due(self) -> None:
        with self._room():
            for envelope in self.client.zrange("asok:delayed_tasks", 0, -1):
                self.client.zadd("asok:delayed_tasks", {envelope: 1.0}, xx=True)
        self._moved("expiry", 0)

    @rule()
    def promote(self) -> None:
        self._promote(self._due())

    @rule(ttl=st.sampled_from([1000, 3_600_000]))
    def promote_while_another_supervisor_does(self, ttl: int) -> None:
        """It is left to that one, but for no longer than one can take that lives: a clock may be set."""
        due = self._due()
        with self._room():
            self.client.set("asok:promoting", "another", px=ttl)
        self._promote(due if ttl > 1000 else 0)
        self.client.delete("asok:promoting")

    def _due(self) -> int:
        """Delayed jobs whose time has come, without what is oversized."""
        now = self.client.time()[0]
        found = self.client.zrangebyscore("asok:delayed_tasks", "-inf", now)
        return sum(name_of(raw) not in self.oversized for raw in found)

    def _promote(self, expected: int) -> None:
        over = self._over()
        done = promote_due(self.registry.connection, Keys(), by="w", largest=LARGEST)
        assert not self.client.smembers("asok:paused") & over
        assert set(self.client.hkeys("asok:pauses")) <= self.client.smembers("asok:paused")
        assert done.moved == expected
        self._moved("promote", expected + self._set_aside(len(done.aside)))

    @rule(process=st.sampled_from(PROCESSES))
    def a_process_dies(self, process: str) -> None:
        """Its supervisor knows what ran; three times is once too often."""
        there, memory = self._active(process), self.memories[process]
        held = [each for each in there if each not in self.oversized]
        ended = set(held) & self.cancelled
        charged = set(held) & memory.running - ended
        guilty = {job_id for job_id in charged if self.crashes[job_id] + 1 >= CRASH_LIMIT}
        total = [self.orphaned.recover(process, queue, charged=memory.running) for queue in QUEUES]
        assert sum(each.returned for each in total) == len(held) - len(guilty) - len(ended)
        self._end_uncharged(ended)
        assert sum(each.dead for each in total) == len(guilty)
        self._charge(charged, guilty)
        aside = self._set_aside(sum(len(each.aside) for each in total))
        assert aside == 2 * (len(there) - len(held))
        self._moved("recover", len(held) + aside)
        # Its last request was under way.
        self.make_checkpoints(process)
        self.memories[process] = Memory()

    @rule(worker=st.sampled_from(["one", "two"]))
    def a_lease_runs_out(self, worker: str) -> None:
        with self._room():
            self.client.zadd("asok:workers", {worker: 1})
        self._moved("expiry", 0)

    @rule(worker=st.sampled_from(["one", "two"]))
    def a_neighbour_ends_the_lease_of_a_dead_worker(self, worker: str) -> None:
        lease = self.client.zscore("asok:workers", worker)
        assert self.registry.end_lease(worker) == bool(lease)
        self._moved("expiry", 0)

    @rule(worker=st.sampled_from(["one", "two"]))
    def heartbeat(self, worker: str) -> None:
        whole = self._has_lease(f"{worker}.1")
        assert self._heartbeat(worker) == whole
        self._moved("expiry", 0)

    @rule(worker=st.sampled_from(["one", "two"]))
    def a_worker_begins_to_stop(self, worker: str) -> None:
        self.stopping.add(worker)
        self._heartbeat(worker)
        self._moved("expiry", 0)

    @rule()
    def recover_workers_whose_lease_ran_out(self) -> None:
        """Their processes live on and believe to hold what they held."""
        moved = 0
        charged: set[str] = set()
        cancelled: set[str] = set()
        by = next((worker for worker in ("one", "two") if self._has_lease(worker)), "")
        for worker in (
            [each.worker for each in self.registry.check_leases(by).expired] if by else ()
        ):
            lists = self.orphaned.lists_of(worker)
            for process, queue in lists:
                on = self._records(self._active(process, queue))
                cancelled |= self.cancelled & set(on)
                charged |= {
                    job_id
                    for job_id, record in on.items()
                    if worker not in self.stopping
                    and record.get(b"status") == b"running"
                    and record.get(b"worker") in (None, process.encode())
                }
                total = self.orphaned.recover(process, queue, guard=worker, by=by)
                assert not total.refused
                moved += total.returned + total.dead + self._set_aside(len(total.aside))
                moved += len(self.cancelled & set(on))
            keys = [Keys().active(process, queue) for process, queue in lists]
            assert self.registry.leave(worker, keys, only_if_expired=True)
            self.stopping.discard(worker)
        charged -= cancelled
        guilty = {job_id for job_id in charged if self.crashes[job_id] + 1 >= CRASH_LIMIT}
        self._charge(charged, guilty)
        self._end_uncharged(cancelled)
        self._moved("recover", moved)
        for process in PROCESSES if moved else ():
            self.make_checkpoints(process)

    def _end_uncharged(self, cancelled: set[str]) -> None:
        self._count("cancelled", len(cancelled))
        for job_id in cancelled:
            del self.crashes[job_id]
        self._end(cancelled)

    @rule(process=st.sampled_from(PROCESSES), queue=st.sampled_from(QUEUES))
    def recover_is_refused_while_the_lease_is_whole(self, process: str, queue: str) -> None:
        """Or while the one that recovers has no lease either: the clock may have been set."""
        worker = process.partition(".")[0]
        by = "two" if worker == "one" else "one"
        if self._active(process, queue) and (self._has_lease(process) or not self._has_lease(by)):
            assert self.orphaned.recover(process, queue, guard=worker, by=by).refused
        self._moved("recover", 0)

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_of_redis_is_set(self, hours: int) -> None:
        """As the leases see it, which all end an hour earlier or later by that clock."""
        with self._room():
            for worker, until in self.client.zrange("asok:workers", 0, -1, withscores=True):
                if until > 1:
                    moved = max(1.0, until - hours * 3_600_000)
                    self.client.zadd("asok:workers", {worker: moved})
        for worker in ("one", "two"):
            self.registry.check_leases(worker)
        now = self._now()
        for _, until in self.client.zrange("asok:workers", 0, -1, withscores=True):
            assert until <= now + 30_000, "a lease that is longer than it can be was cut"
        self._moved("expiry", 0)

    # Operators

    @rule(
        chosen=st.data(), process=st.sampled_from(PROCESSES), then=st.sampled_from(AFTER_A_CANCEL)
    )
    def cancel_what_a_process_holds(self, chosen: st.DataObject, process: str, then: str) -> None:
        """Whether it runs, has not begun yet, or its worker has no lease; and what may follow at once."""
        worker = process.partition(".")[0]
        if then:
            # What follows is met seldom where chance alone has to bring it about.
            self.heartbeat(worker)
            self.claim(process, 2)
            if then not in ("unopened", "closed"):
                self.start(process)
        held = {
            job_id: (queue, raw)
            for queue in QUEUES
            for raw in self.client.lrange(Keys().active(process, queue), 0, -1)
            if (job_id := name_of(raw)) not in self.oversized
        }
        if not held:
            return
        job_id = chosen.draw(st.sampled_from(sorted(held)))
        known = bool(self.client.exists(f"asok:job:{job_id}"))
        by = ActiveJob(job_id, process, *held[job_id])
        applied = self.operator.stop_running([by], 10.0).applied
        assert applied == int(known and job_id not in self.cancelled)
        if known:
            self.cancelled.add(job_id)
        self._moved("ask to stop", 0)
        if then == "unopened":
            self.return_unopened(process, 9)
        elif then == "closed":
            self.a_lease_runs_out(worker)
            self.ask_whether_to_begin(process)
        elif then == "dies":
            self.a_process_dies(process)
        elif then == "lost":
            self.heartbeat("two" if worker == "one" else "one")
            self.a_lease_runs_out(worker)
            self.recover_workers_whose_lease_ran_out()
        elif then:
            self.settle(process, then, 9)

    @rule(chosen=st.data(), everything=st.booleans(), front=st.booleans())
    def requeue(self, chosen: st.DataObject, everything: bool, front: bool) -> None:
        result = self.operator.requeue(self._scope(Location.DEAD, chosen, everything), front=front)
        self._count("enqueued", result.applied)
        for job_id in self._moved("requeue", result.applied):
            del self.crashes[job_id]

    @rule(chosen=st.data())
    def edit(self, chosen: st.DataObject) -> None:
        dead = sorted(each for each, location in self.locations.items() if location == "dead")
        job_id = chosen.draw(st.sampled_from(dead)) if dead else "no-such-job"
        raws = self.client.lrange("asok:dlq", 0, -1)
        raw = next((each for each in raws if peek(each).id == job_id), b"nothing")
        result = self.operator.edit(raw, [1], {})
        self._count("enqueued", result.applied)
        for each in self._edited(result, job_id):
            del self.crashes[each]

    def _edited(self, result: OperationResult, job_id: str) -> list[str]:
        if result.applied and result.operation:
            self.edits[result.operation] = job_id
        if result.applied:
            # With other arguments it begins again.
            self.reached.pop(job_id, None)
        return self._moved("edit", result.applied)

    @precondition(lambda self: self.edits)
    @rule(chosen=st.data())
    def undo_an_edit(self, chosen: st.DataObject) -> None:
        """The original and the edited job are exchanged, or nothing moves."""
        operation = chosen.draw(st.sampled_from(sorted(self.edits)))
        edited = self.client.lindex(f"asok:trash:{operation}:at", 0)
        queues = [self.client.lrange(Keys().queue(queue), 0, -1) for queue in QUEUES]
        there = any(edited in envelopes for envelopes in queues)
        result = self.operator.restore(operation)
        assert (result.applied, sum(result.refused.values())) == (int(there), int(not there))
        if there:
            del self.edits[operation]
        self._moved("undo an edit", result.applied)

    @rule(chosen=st.data(), everything=st.booleans())
    def purge_dead_jobs(self, chosen: st.DataObject, everything: bool) -> None:
        result = self.operator.purge(self._scope(Location.DEAD, chosen, everything))
        self._operated("purge", result)

    @rule(chosen=st.data(), queue=st.sampled_from(QUEUES), everything=st.booleans())
    def purge_a_queue(self, chosen: st.DataObject, queue: str, everything: bool) -> None:
        result = self.operator.purge(self._scope(Location.PENDING, chosen, everything, queue))
        self._operated("purge", result)

    @rule(chosen=st.data(), queue=st.sampled_from(QUEUES))
    def cancel_pending_jobs(self, chosen: st.DataObject, queue: str) -> None:
        result = self.operator.cancel(self._scope(Location.PENDING, chosen, False, queue))
        self._operated("cancel", result)

    @rule(chosen=st.data())
    def cancel_delayed_jobs(self, chosen: st.DataObject) -> None:
        result = self.operator.cancel(self._scope(Location.DELAYED, chosen, False))
        self._operated("cancel", result)

    @precondition(lambda self: self.locations)
    @rule(chosen=st.data())
    def a_job_that_is_somewhere_is_taken_for_lost(self, chosen: st.DataObject) -> None:
        job_id = chosen.draw(st.sampled_from(sorted(self.locations)))
        assert self.operator.cancel_lost(job_id).applied == 0
        self._moved("expiry", 0)

    @precondition(lambda self: any(location in UNFINISHED for location in self.locations.values()))
    @rule(chosen=st.data())
    def a_job_is_lost(self, chosen: st.DataObject) -> None:
        """A client deletes it where it is; an operator ends it."""
        living = sorted(each for each, location in self.locations.items() if location in UNFINISHED)
        job_id = chosen.draw(st.sampled_from(living))
        for key in self.client.scan_iter(match="asok:*", count=1000, _type="list"):
            for raw in self.client.lrange(key, 0, -1):
                if name_of(raw) == job_id:
                    self.client.lrem(key, 1, raw)
        for raw in self.client.zrange("asok:delayed_tasks", 0, -1):
            if name_of(raw) == job_id:
                self.client.zrem("asok:delayed_tasks", raw)
        has_record = self.client.exists(f"asok:job:{job_id}")
        assert self.operator.cancel_lost(job_id).applied == has_record
        if has_record:
            assert self.client.get(f"asok:unique:{self.uniques[job_id]}") != job_id.encode()
        self.deleted.add(job_id)
        self.cancelled.discard(job_id)
        self._moved("lose", 1)

    @rule(chosen=st.data())
    def run_delayed_jobs_now(self, chosen: st.DataObject) -> None:
        result = self.operator.promote(self._scope(Location.DELAYED, chosen, False))
        self._moved("promote", result.applied)

    @precondition(lambda self: self.operations)
    @rule(chosen=st.data())
    def restore(self, chosen: st.DataObject) -> None:
        operation = chosen.draw(st.sampled_from(self.operations))
        try:
            applied = self.operator.restore(operation).applied
        except UsageError:
            assert not self.client.exists(f"asok:trash:{operation}")
            applied = 0
        self._moved("restore", applied)

    @precondition(lambda self: self.operations)
    @rule(chosen=st.data())
    def empty_the_trash(self, chosen: st.DataObject) -> None:
        operations = sorted(chosen.draw(st.sets(st.sampled_from(self.operations), min_size=1)))
        held = {
            each: [name_of(raw) for raw in self.client.lrange(f"asok:trash:{each}", 0, -1)]
            for each in operations
        }
        result = self.operator.empty_trash(operations)
        assert result.applied == sum(map(len, held.values()))
        assert sum(result.skipped.values()) == sum(not ids for ids in held.values())
        # Of these jobs the record is all that is left, and it says how they ended.
        self.deleted.update(job_id for ids in held.values() for job_id in ids)
        self._moved("empty", result.applied)

    @rule(chosen=st.data(), queues=st.permutations(QUEUES))
    def move(self, chosen: st.DataObject, queues: list[str]) -> None:
        source, target, _ = queues
        scope = self._scope(Location.PENDING, chosen, False, source)
        result = self.operator.move(scope, to=target)
        assert result.applied == len((scope.ids or frozenset()) - self.oversized)
        self._moved("move", 0)

    @rule(queue=st.sampled_from(QUEUES))
    def pause(self, queue: str) -> None:
        self.operator.pause(queue)
        self._moved("pause", 0)

    @rule(queue=st.sampled_from(QUEUES), lasts=st.sampled_from([0.001, 3600.0]))
    def pause_until(self, queue: str, lasts: float) -> None:
        """The short one ends when a supervisor promotes next."""
        self.operator.pause(queue, reason="bank down", lasts=lasts)
        assert self.client.sismember("asok:paused", queue)
        self._moved("pause", 0)

    @rule(queue=st.sampled_from(QUEUES))
    def resume(self, queue: str) -> None:
        self.operator.resume(queue)
        self._moved("resume", 0)

    # Holds

    @rule(lasts=st.sampled_from([None, None, 0.001]))
    def add_a_hold(self, lasts: float | None) -> None:
        """The short one ends when a supervisor looks next."""
        result = self.operator.add_hold(Hold("", task="m.f", reason="bank down"), lasts=lasts)
        assert result.hold is not None
        self.holds.append(result.hold.id)
        self._moved("pause", 0)

    @precondition(lambda self: self.holds)
    @rule(process=st.sampled_from(PROCESSES), count=st.integers(1, 4), chosen=st.data())
    def hold_what_was_claimed(self, process: str, count: int, chosen: st.DataObject) -> None:
        """By a hold that its process has read, and that may have ended since."""
        self.enqueue("default", 1, False, "")
        self.claim(process, count)
        if not self.client.hexists("asok:holds", self.holds[-1]):
            self.add_a_hold(None)
        hold = chosen.draw(st.sampled_from([*self.holds, self.holds[-1], self.holds[-1]]))
        memory = self.memories[process]
        unbegun = [each for each in memory.claims if name_of(each.envelope) not in memory.running]
        held = unbegun[:count]
        memory.claims = [claim for claim in memory.claims if claim not in held]
        in_force = self.client.hexists("asok:holds", hold)
        there = set(self._active(process))
        names = [name_of(claim.envelope) for claim in held]
        # One that another process holds by now is found when it is sent again, as a cancelled one is.
        expected = [
            0 if name not in there else 4 if name in self.cancelled else 1 for name in names
        ]
        outcomes = [self._held_by(hold, claim) for claim in held]
        before = {queue: self._waiting(queue) for queue in QUEUES}
        assert self._cycle(process, outcomes, [], 0).settled == expected
        for queue in QUEUES:
            back = [
                name_of(claim.envelope)
                for claim, flag in zip(held, expected, strict=True)
                if flag == 1 and claim.queue == queue and not in_force
            ]
            assert self._waiting(queue) == [*back, *before[queue]], "they are the next to run"
        self._moved("hold", expected.count(1))
        cancelled = [
            self._outcome("return", claim)
            for claim, flag in zip(held, expected, strict=True)
            if flag == 4
        ]
        self._settle(process, "return", cancelled)
        there = {name for name, location in self.locations.items() if location == "held"}
        assert in_force or not there.intersection(name_of(each.envelope) for each in held)

    def _held_by(self, hold: str, claim: Claim) -> Outcome:
        job = peek(claim.envelope).job
        assert job is not None
        return Outcome("hold", claim, job.id, job.task, unique=job.unique or "").noted(hold)

    @precondition(lambda self: self.holds)
    @rule(chosen=st.data(), at_a_rate=st.booleans(), stops=st.booleans())
    def release_a_hold(self, chosen: st.DataObject, at_a_rate: bool, stops: bool) -> None:
        """To its end, or until its operator stops it after a batch: supervisors return no more then."""
        hold = chosen.draw(st.sampled_from(self.holds))
        there = [(queue, each) for queue in QUEUES for each in self._held_in(hold, queue)]
        before = {queue: self._waiting(queue) for queue in QUEUES}
        try:
            rate, watch = 500.0 if at_a_rate else None, (lambda _: False) if stops else None
            result = self.operator.release_hold(hold, rate=rate, watch=watch)
        except UsageError:
            assert not there
            assert not self.client.hexists("asok:holds", hold)
            self._moved("release", 0)
            return
        left = [(queue, each) for queue in QUEUES for each in self._held_in(hold, queue)]
        for queue in QUEUES:
            returned = [each for each in there if each[0] == queue and each not in left]
            expected = [*(each for _, each in returned), *before[queue]]
            if hold in self.released_in_part:
                # Of a release at a rate they are behind those that were returned before.
                assert sorted(self._waiting(queue)) == sorted(expected)
            else:
                assert self._waiting(queue) == expected, "they are the next to run"
        assert (result.applied, result.left) == (len(there) - len(left), len(left))
        assert self.client.hexists("asok:holds", f"ended:{hold}") == bool(left)
        assert stops or not left
        self.released_in_part.add(hold)
        self._moved("release", len(there) - len(left))

    @precondition(lambda self: self.holds)
    @rule(chosen=st.data())
    def remove_a_hold(self, chosen: st.DataObject) -> None:
        hold = chosen.draw(st.sampled_from(self.holds))
        there = [each for queue in QUEUES for each in self._held_in(hold, queue)]
        known = self.client.hexists("asok:holds", hold)
        try:
            removed = self.operator.remove_hold(hold).applied
        except UsageError:
            assert not known
            assert not there
        else:
            assert removed == (not there)
            assert self.client.hexists("asok:holds", hold) == (known and bool(there))
        self._moved("pause", 0)

    @rule()
    def holds_end_by_themselves(self) -> None:
        connection, keys = self.registry.connection, Keys()
        holds, now = read_holds(connection, keys), self._now() / 1000
        over = [
            each.id for each in (*holds.holds, *holds.ended) if each.until and each.until <= now
        ]
        there = [each for hold in over for queue in QUEUES for each in self._held_in(hold, queue)]
        assert self.released_in_part.isdisjoint(over)
        end_holds(connection, keys, holds, now)
        self._moved("release", len(there))

    @rule(process=st.sampled_from(PROCESSES), count=st.integers(1, 4))
    def start_under_a_limit(self, process: str, count: int) -> None:
        self.enqueue("default", 1, False, "")
        self.claim(process, count)
        memory, limiting = self.memories[process], self.limiting[process]
        limiting.follow([LIMIT])
        known = self.limited[process]
        asking = [
            ClaimedJob(claim, peek(claim.envelope).job)
            for claim in memory.claims
            if name_of(claim.envelope) not in {*memory.running, *known}
        ][:count]
        there = set(self._active(process))
        flags = limiting.start(self.consumers[process], asking)
        for claimed in asking:
            name, flag = claimed.opened.id, flags[claimed]
            expected = {StartFlag.MAY_START, StartFlag.RETURNED}
            if name not in there:
                expected = {StartFlag.NOT_ACTIVE}
            elif name in self.cancelled:
                expected = {StartFlag.CANCELLED}
            assert flag in expected
            if flag is StartFlag.MAY_START:
                known[name] = claimed
            else:
                memory.claims.remove(claimed.claim)
        self._moved("limit", None)
        self._at_most_two_run()
        cancelled = [each for each, flag in flags.items() if flag is StartFlag.CANCELLED]
        back = [self._outcome("return", each.claim) for each in cancelled]
        self._settle(process, "return", back)

    @rule(process=st.sampled_from(PROCESSES), returned=st.booleans())
    def leave_a_limit(self, process: str, returned: bool) -> None:
        """Some were settled, of some the lease was lost, and others may run them."""
        known, self.limited[process] = self.limited[process], {}
        verb: Verb = "return" if returned else "complete"
        ended = [(each, Outcome(verb, each.claim)) for each in known.values()]
        self.limiting[process].leave(self.consumers[process], ended)
        self._moved("limit", None)
        self._at_most_two_run()

    @rule()
    def review_limits(self) -> None:
        """Supervisors correct what is counted: what is in an active list, and what was given back."""
        rules = {LIMIT.identity: LIMIT}
        review_due(self.registry.connection, Keys(), rules, 9e15)
        self._moved("limit", None)
        self._at_most_two_run()
        bucket = bucket_of(LIMIT.identity)
        running = {each.decode() for each in self.client.hkeys(Keys().limit_running(bucket))}
        assert running <= {each for each in self.locations if self.locations[each] == "active"}
        found = self.client.hgetall(Keys().limit_next(bucket))
        then = {job_id.decode(): queue.decode() for job_id, queue in found.items()}
        paused = {name.decode() for name in self.client.smembers("asok:paused")}
        assert {self.locations[each] for each in then} <= {"pending", "active"}
        if len(running) + sum(queue not in paused for queue in then.values()) < LIMIT.limit.at_once:
            waiting = [queue for queue in QUEUES if self._held_in(bucket, queue)]
            assert set(waiting) <= paused, "as many start as may"

    def _at_most_two_run(self) -> None:
        assert self.client.hlen(Keys().limit_running(bucket_of(LIMIT.identity))) <= 2

    @precondition(lambda self: "held" in self.locations.values())
    @rule(chosen=st.data())
    def cancel_held_jobs(self, chosen: st.DataObject) -> None:
        lists = sorted(self.client.smembers("asok:held"))
        hold, queue = chosen.draw(st.sampled_from(lists)).decode().split(":")
        ids = self._held_in(hold, queue)
        some = chosen.draw(st.sets(st.sampled_from(ids)) if ids else st.just(set()))
        scope = Scope(Location.HELD, queue=queue, ids=frozenset(some), hold=hold)
        self._operated("cancel", self.operator.cancel(scope))

    def _held_in(self, hold: str, queue: str) -> list[str]:
        """Ids, the oldest first."""
        held = self.client.lrange(Keys().held(hold, queue), 0, -1)
        return [name_of(raw) for raw in reversed(held)]

    def _waiting(self, queue: str) -> list[str]:
        """Ids, the next to run first."""
        return [name_of(raw) for raw in reversed(self.client.lrange(Keys().queue(queue), 0, -1))]

    # Clients that can write to Redis

    @precondition(lambda self: self.locations)
    @rule(
        chosen=st.data(),
        where=st.sampled_from(["pending", "delayed", "active"]),
        detours=st.lists(st.sampled_from(["cancel", "purge", "purge all", "move"]), max_size=2),
    )
    def a_copy_of_an_ended_job(self, chosen: st.DataObject, where: str, detours: list[str]) -> None:
        """A client plants an envelope that the job once had; it is a dead job in the end."""
        ended = self._ended()
        if not ended:
            return
        # Most of them were cancelled: draw how it ended first.
        job_id = chosen.draw(st.sampled_from(ended[chosen.draw(st.sampled_from(sorted(ended)))]))
        raw = chosen.draw(st.sampled_from(list(self.envelopes[job_id])))
        record = self.client.hgetall(f"asok:job:{job_id}")
        home = self._plant(raw, where)
        assert self.client.hgetall(f"asok:job:{job_id}") == record, where
        for detour in detours:
            # To restore a job that was cancelled is an operator's word that it is to run.
            if detour == "move" or record[b"status"] != b"cancelled":
                home = self._detour(detour, home, job_id)
                assert self.client.hgetall(f"asok:job:{job_id}") == record, detour
        self._is_refused(home, job_id)
        assert self.client.hgetall(f"asok:job:{job_id}") == record
        self._moved("expiry", 0)

    def _ended(self) -> dict[bytes, list[str]]:
        """By status, jobs whose records say that they have ended, and that have had an envelope."""
        found: dict[bytes, list[str]] = {}
        for job_id, record in self._records(sorted(self.envelopes)).items():
            status = record.get(b"status", b"")
            if status in (b"completed", b"failed", b"cancelled"):
                found.setdefault(status, []).append(job_id)
        return found

    def _plant(self, raw: bytes, where: str) -> str:
        """Put a copy somewhere, and see to it that it comes to its queue: returns that."""
        job = peek(raw).job
        assert job is not None
        with self._room():
            if where == "pending":
                self.client.lpush(Keys().queue(job.queue), raw)
            elif where == "active":
                self.client.lpush(Keys().active("gone.1", job.queue), raw)
                assert self.orphaned.recover("gone.1", job.queue, charged=[]).returned == 1
            else:
                self.client.zadd("asok:delayed_tasks", {raw: 1.0})
                due = DueJob(raw, job.queue, job.id, dead_job=b"", task=job.task)
                reply = self.registry.connection.run(Promote(ns="asok", jobs=[due]))
                assert reply == (1, 0)
        return job.queue

    def _detour(self, detour: str, home: str, job_id: str) -> str:
        one = Scope(Location.PENDING, queue=home, ids=frozenset([job_id]))
        if detour == "move":
            target = QUEUES[QUEUES.index(home) - 1]
            assert self.operator.move(one, to=target).applied == 1
            return target
        if detour == "cancel":
            result = self.operator.cancel(one)
        else:
            others = self.client.lrange(Keys().queue(home), 0, -1) if detour == "purge all" else []
            with self._room():
                for each in others:
                    if peek(each).id != job_id:
                        self.client.lrem(Keys().queue(home), 1, each)
            scope = one if detour == "purge" else Scope(Location.PENDING, queue=home)
            result = self.operator.purge(scope)
            with self._room():
                for each in others:
                    if peek(each).id != job_id:
                        self.client.rpush(Keys().queue(home), each)
        assert result.applied == 1
        assert self.operator.restore(result.operation or "").applied == 1
        return home

    def _is_refused(self, home: str, job_id: str) -> None:
        """A worker that claims it learns what it is, and makes a dead job of it."""
        (copy,) = (
            raw
            for raw in self.client.lrange(Keys().queue(home), 0, -1)
            if peek(raw, KEYRING).id == job_id
        )
        assert peek(copy, KEYRING).trust is Trust.SIGNED
        consumer = Consumer(
            Endpoint(self.url), Keys(), worker="w", process="w.1", queues=["copies"], dlq_max=1000
        )
        with self._room():
            self.client.lrem(Keys().queue(home), 1, copy)
            self.client.lpush(Keys().queue("copies"), copy)
            self.client.zadd("asok:workers", {"w": 9e15})
        (claim,) = consumer.cycle([], [], 1).claims
        assert claim.ended_before == EndedFlag.ENDED
        turn = consumer.cycle([], [JobStart(claim, returnable=True)], 0)
        assert turn.started == [StartFlag.ENDED], "it is known after an idle wait as well"
        moved = dead_entry(copy, failed_at=1.0, error="Replayed", rejected=True)
        assert consumer.cycle([Outcome("reject", claim, moved=moved)], [], 0).settled == [1]
        consumer.close()
        with self._room():
            assert self.client.lrem("asok:dlq", 1, moved) == 1
            self.client.zrem("asok:workers", "w")
        self._count("failed", 1)
        self._count("dead", 1)

    # Time

    @precondition(lambda self: self.locations)
    @rule(chosen=st.data())
    def a_record_expires(self, chosen: st.DataObject) -> None:
        job_id = chosen.draw(st.sampled_from(sorted(self.locations)))
        self.client.delete(f"asok:job:{job_id}")
        self.forgotten.add(job_id)
        self.cancelled.discard(job_id)
        self.reached.pop(job_id, None)
        self._moved("expiry", 0)

    @precondition(lambda self: self.locations)
    @rule()
    def weeks_pass_in_which_supervisors_renew(self) -> None:
        """Two whole rounds, after which what neither has met would be taken for lost."""
        for key in (*self.client.keys("asok:job:*"), *self.client.keys("asok:unique:*")):
            left = self.client.ttl(key)
            if left > RECORD_TTL:
                self.client.expire(key, left - WEEKS)
        connection = self.registry.connection
        renew_active(
            connection, Keys(), [(process, queue) for process in PROCESSES for queue in QUEUES]
        )
        aside = self._go_round() + self._go_round()
        self._moved("renew", self._set_aside(aside))

    @rule(full=st.booleans())
    def memory_runs_out_or_is_there_again(self, full: bool) -> None:
        """Every move that brings no new data must work on a full Redis as on any other."""
        self.full = full
        self.client.config_set("maxmemory", 1 if full else 0)
        self._moved("expiry", 0)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """What the test itself writes is not under test."""
        self.client.config_set("maxmemory", 0)
        yield
        self.client.config_set("maxmemory", 1 if self.full else 0)

    # What must hold

    def _moved(self, verb: str, count: int | None) -> list[str]:
        """``count``: how many jobs have moved; None: any number."""
        before, after = self.locations, self._look()
        moves = {
            job_id: (before.get(job_id, ""), location)
            for job_id, location in after.items()
            if before.get(job_id, "") != location
        }
        assert set(moves.values()) <= MOVES[verb], (verb, moves)
        assert count in (None, len(moves)), (verb, count, moves)
        self.locations = after
        assert all(after[job_id] == "finished" for job_id in self.ended), "it never runs again"
        assert all(after[job_id] == "active" for job_id in self.cancelled), "or it has ended"
        self._check_records(set(moves))
        self._check_counters()
        return list(moves)

    def _look(self) -> dict[str, str]:
        found: dict[str, str] = {}

        def see(raw: bytes, location: str, key: str = "") -> None:
            payload, name = peek(raw, KEYRING), name_of(raw)
            job = payload.job
            assert name not in found, f"{name} is in {found[name]} and in {location}"
            if job is None:
                stands_for = payload.trust is Trust.OVERSIZED
                assert stands_for or name in self.oversized, (location, raw)
                self.forgotten.add(name)
            else:
                assert payload.trust is Trust.SIGNED, (location, raw)
                assert self.versions.setdefault(name, payload.version) == payload.version, location
                if location in ("pending", "active", "held"):
                    home = Keys().queue(job.queue), f"{key.rpartition(':')[0]}:{job.queue}"
                    assert key in home, (key, job.queue)
                self.envelopes.setdefault(name, {})[raw] = None
            found[name] = location
            self.uniques[name] = job.unique or "" if job is not None else ""

        for key in self.client.scan_iter(count=1000, _type="list"):
            name = key.decode()
            location = LISTS.get(name.split(":")[1])
            # The trash of an edit holds the original of a job that is elsewhere.
            original = name.removeprefix("asok:trash:") in self.edits
            if original:
                assert self.client.llen(key) == 1
            elif location and not name.endswith(":at"):
                for raw in self.client.lrange(key, 0, -1):
                    see(raw, location, name)
        for raw in self.client.zrange("asok:delayed_tasks", 0, -1):
            see(raw, "delayed")
        return {job_id: found.get(job_id, "finished") for job_id in (*self.locations, *found)}

    def _check_records(self, moved: set[str]) -> None:
        for job_id, record in self._records(self.locations).items():
            if not record:
                assert job_id in self.forgotten, f"{job_id} has lost its record"
                continue
            assert record.get(b"checkpoint") == self.reached.get(job_id), job_id
            location, status = self.locations[job_id], record[b"status"].decode()
            if job_id in moved or job_id not in self.forgotten:
                allowed = STATUSES["trash" if job_id in self.deleted else location]
                assert status in allowed, (job_id, location, status)
        self._check_lifetimes()

    def _check_lifetimes(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for job_id in self.locations:
            unique = f"asok:unique:{self.uniques[job_id]}"
            pipeline.ttl(f"asok:job:{job_id}").get(unique).ttl(unique)
        replies, long = pipeline.execute(), UNFINISHED_TTL - WEEKS
        for at, (job_id, location) in enumerate(self.locations.items()):
            ttl, holder, held_for = replies[3 * at : 3 * at + 3]
            if location not in UNFINISHED:
                # What has finished is kept for 24 h from its end.
                assert ttl <= RECORD_TTL, (job_id, location)
                continue
            assert job_id in self.forgotten or ttl > long, (job_id, location)
            if self.uniques[job_id]:
                assert holder == job_id.encode(), (job_id, location)
                assert held_for > long, (job_id, location)

    def _check_counters(self) -> None:
        counted: Counter[str] = Counter()
        for key in self.client.scan_iter(match="asok:stats:*:m*", count=1000):
            for name, value in self.client.hgetall(key).items():
                counted[name.decode()] += int(value)
        for name in ("enqueued", "completed", "failed", "retried", "dead", "cancelled"):
            assert counted[name] == self.counters[name], (name, counted[name], self.counters[name])

    # Helps

    def _job(self, queue: str, **options: Any) -> Job:
        self.number += 1
        return Job(f"job-{self.number:03}", "m", "f", (), queue=queue, retries=9, **options)

    def _heartbeat(self, worker: str) -> bool:
        processes = sum(process.startswith(f"{worker}.") for process in PROCESSES)
        stopping = int(worker in self.stopping)
        fields: dict[str, Arg] = {
            "queues": ",".join(QUEUES),
            "processes": processes,
            "stopping": stopping,
        }
        return self.registry.heartbeat(worker, QUEUES, fields).whole

    def _go_round(self) -> int:
        """How many entries a whole round has set aside."""
        aside = 0
        while True:
            self.client.delete("asok:renewing")
            aside += len(
                Renewal(Keys(), "one", largest=LARGEST).step(self.registry.connection).aside
            )
            if self.client.hget("asok:renewal", "began") == b"0.0":
                return aside

    def _has_lease(self, process: str) -> bool:
        lease = self.client.zscore("asok:workers", process.partition(".")[0])
        return lease is not None and lease > self._now()

    def _now(self) -> float:
        seconds, micros = self.client.time()
        return float(seconds * 1000 + micros / 1000)

    def _over(self) -> set[bytes]:
        """The queues whose pause has ended by the clock of Redis."""
        known = self.client.hgetall("asok:pauses")
        ends = {queue: json.loads(text)["until"] for queue, text in known.items()}
        return {queue for queue, at in ends.items() if at and float(at) * 1000 <= self._now()}

    def _next_in_order(
        self, slots: int, queues: Sequence[str] = QUEUES, *, newest: bool = False
    ) -> list[str]:
        waiting = [
            name_of(raw)
            for queue in queues
            if not self.client.sismember("asok:paused", queue)
            for raw in self.client.lrange(Keys().queue(queue), 0, -1)[:: 1 if newest else -1]
        ]
        return waiting[:slots]

    def _queue_of(self, claim: Claim) -> str:
        job = peek(claim.envelope).job
        assert job is not None
        return job.queue

    def _cycle(
        self, process: str, outcomes: list[Outcome], starts: list[JobStart], slots: int
    ) -> CycleResult:
        turn = self.consumers[process].cycle(outcomes, starts, slots)
        self.memories[process].claims += turn.claims
        return turn

    def _active(self, process: str, queue: str = "*") -> list[str]:
        names = QUEUES if queue == "*" else (queue,)
        return [
            name_of(raw)
            for name in names
            for raw in self.client.lrange(Keys().active(process, name), 0, -1)
        ]

    def _records(self, job_ids: Any) -> dict[str, dict[bytes, bytes]]:
        pipeline = self.client.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hgetall(f"asok:job:{job_id}")
        return dict(zip(job_ids, pipeline.execute(), strict=True))

    def _start(self, claim: Claim) -> JobStart:
        job = peek(claim.envelope).job
        assert job is not None
        return JobStart(claim, job.id, job.task, job.retries, job.retry_count, 1.0)

    def _outcome(self, verb: Verb, claim: Claim) -> Outcome:
        job = peek(claim.envelope).job
        assert job is not None
        outcome = Outcome(verb, claim, job.id, unique=job.unique or "", task=job.task)
        outcome.started_at, outcome.finished_at = 1.0, 2.0 if verb == "complete" else 0.0
        outcome.retry_count = job.retry_count
        if verb == "retry":
            outcome.moved = seal_again(job.retried(), KEYRING, claim.envelope)
            outcome.delay = 3600.0
        if verb == "postpone":
            # What was signed by another key moves as it is.
            same = self.number % 2
            again = seal_again(job.postponed(1.0), KEYRING, claim.envelope)
            outcome.moved = claim.envelope if same else again
            outcome.delay = 60.0
        if verb in ("fail", "reject"):
            rejected = verb == "reject"
            outcome.moved = dead_entry(claim.envelope, failed_at=1.0, error="no", rejected=rejected)
        return outcome

    def _scope(
        self, location: Location, chosen: st.DataObject, everything: bool, queue: str | None = None
    ) -> Scope:
        if everything:
            return Scope(location, queue=queue)
        if location is Location.DEAD:
            raws = self.client.lrange("asok:dlq", 0, -1)
        elif location is Location.DELAYED:
            raws = self.client.zrange("asok:delayed_tasks", 0, -1)
        else:
            raws = self.client.lrange(Keys().queue(queue or ""), 0, -1)
        ids = sorted(map(name_of, raws))
        some = chosen.draw(st.sets(st.sampled_from(ids)) if ids else st.just(set()))
        return Scope(location, queue=queue, ids=frozenset(some))

    def _operated(self, verb: str, result: OperationResult) -> None:
        if result.operation:
            self.operations.append(result.operation)
        self._moved(verb, result.applied)

    def _charge(self, charged: set[str], guilty: set[str]) -> None:
        self.crashes.update(charged)
        for job_id in guilty:
            del self.crashes[job_id]
        self._count("dead", len(guilty))
        self._count("failed", len(guilty))

    def _count(self, name: str, count: int) -> None:
        if name:
            self.counters[name] += count


@pytest.mark.timeout(480)
def test_every_job_is_in_exactly_one_location_after_every_step(redis_url: str) -> None:
    run_state_machine_as_test(
        lambda: Conservation(redis_url),  # type: ignore[arg-type, return-value, unused-ignore]
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_what_is_read_back_is_what_was_moved(redis_url: str, redis_client: Any) -> None:
    """The machine above would see a job that is lost, doubled or misplaced: it gets the truth."""
    machine = Conservation(redis_url)
    machine.enqueue("default", 2, False, "")
    envelope = redis_client.lindex("asok:queue", 0)
    assert json.loads(envelope)["v"] == 1
    spoils: list[Callable[[], object]] = [
        lambda: redis_client.lpush("asok:dlq", envelope),
        lambda: redis_client.lrem("asok:queue", 1, envelope),
        lambda: redis_client.hset("asok:job:job-001", "status", "failed"),
        lambda: redis_client.expire("asok:job:job-001", RECORD_TTL),
        lambda: redis_client.hset("asok:job:job-001", "checkpoint", "1"),
    ]
    for spoil in spoils:
        spoil()
        try:
            machine._moved("expiry", 0)
        except AssertionError:
            redis_client.delete("asok:dlq")
            redis_client.lrem("asok:queue", 0, envelope)
            redis_client.lpush("asok:queue", envelope)
            redis_client.hset("asok:job:job-001", "status", "pending")
            redis_client.expire("asok:job:job-001", UNFINISHED_TTL)
            redis_client.hdel("asok:job:job-001", "checkpoint")
        else:
            raise AssertionError("a spoilt Redis was not noticed")
    machine.teardown()
