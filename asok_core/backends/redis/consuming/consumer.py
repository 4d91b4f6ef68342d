"""The consuming side on Redis: one round trip settles finished jobs and claims new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.cycle import (
    CheckActive,
    CountDropped,
    Cycle,
    DroppedCount,
    SentOutcome,
    SettledOutcomes,
    StartedJob,
    TaskReport,
)
from asok_core.backends.redis.calls.holds import KeepJobs, KeptJob
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming.holds import read_holds
from asok_core.backends.redis.consuming.outcomes import Claim, JobStart, Outcome, rows_of, stamp
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.backends.redis.flags import EndedFlag, SettledFlag
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reconnecting import ReconnectingConnection
from asok_core.inspection.holds import Holds, generation_of
from asok_core.jobs.envelope import peek
from asok_core.jobs.keyring import V1
from asok_core.jobs.numbers import count
from asok_core.jobs.oversized import MOST_READ
from asok_core.jobs.states import Status
from asok_core.settings.settings import LARGEST_ENVELOPE


@dataclass(slots=True)
class CycleResult:
    """The replies of a cycle, in order: ``settled`` as ``OutcomeFlag``, ``started`` as ``StartFlag``."""

    lease_left: float
    """Seconds until the lease ends; 0 or less when it is lost, and then nothing was claimed."""
    server_time: float
    settled: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    paused: frozenset[str] = frozenset()
    dubious: bool = False
    dropped: int = 0
    broken: tuple[str, ...] = ()
    notices: bool = False
    """Whether there are failures for which hooks have yet to be called."""
    dead: int = 0
    """Dead jobs after one was added; 0 when none was."""
    aside: list[OversizedEntry] = field(default_factory=list)
    """What was set aside in place of a claim."""
    holds: int = 0
    """The generation of holds: a process with another one reads them before it starts a job."""


class ActiveClaims(NamedTuple):
    """What is in the active lists of a process, and what of it was set aside."""

    claims: list[Claim]
    aside: list[OversizedEntry]


class Consumer:
    """What one process of a worker asks of Redis, on one connection. For one thread.

    ``largest`` is how many bytes an envelope may have. ``release`` is the application's that the process
    runs, for the records of its jobs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        worker: str,
        process: str,
        queues: Sequence[str],
        dlq_max: int,
        largest: int = LARGEST_ENVELOPE,
        release: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self.process = process
        self._worker = worker
        self.queues = tuple(queues)
        self._dlq_max = dlq_max
        self._largest = largest
        self._release = release
        self._reconnecting = ReconnectingConnection(endpoint, f"asok:{process}:cycle")

    @property
    def connection(self) -> Connection:
        """The connection, opened when first needed. Raises Unreachable."""
        return self._reconnecting.connection

    def cycle(
        self,
        outcomes: Sequence[Outcome],
        starts: Sequence[JobStart],
        slots: int,
        while_waiting: Callable[[], object] | None = None,
        *,
        probe: int = 0,
        reports: Sequence[TaskReport] = (),
    ) -> CycleResult:
        """Write reports, settle, note starts and claim up to ``slots`` jobs.

        Safe to send again after a lost reply. ``while_waiting`` is called while Redis works. ``probe``
        looks for another job each time it is one greater: the newest of the first queue, the oldest of the
        next, and so on.
        """
        names, claim_end = self.queues, "RIGHT"
        if probe:
            first = probe // 2 % len(names)
            names = names[first:] + names[:first]
            claim_end = "LEFT" if probe % 2 else "RIGHT"
        kept = [each for each in outcomes if each.verb == "hold"]
        if kept:
            flags = dict(zip(map(id, kept), self._hold(kept), strict=True))
            others = [each for each in outcomes if each.verb != "hold"]
            turn = self.cycle(others, starts, slots, while_waiting, probe=probe, reports=reports)
            rest = iter(turn.settled)
            turn.settled = [
                flags[id(each)] if each.verb == "hold" else next(rest) for each in outcomes
            ]
            return turn
        call = Cycle(
            ns=self.keys.namespace,
            worker=self._worker,
            process=self.process,
            release=self._release,
            slots=max(slots, 0),
            dlq_max=self._dlq_max,
            claim_end=claim_end,
            largest=self._largest,
            queues=names,
            outcomes=rows_of(outcomes),
            starts=[
                StartedJob(
                    queue=each.claim.queue,
                    envelope=each.claim.envelope,
                    id=each.id,
                    task=each.task,
                    retries=each.retries,
                    retry_count=each.retry_count,
                    started_at=stamp(each.started_at),
                    returnable=1 if each.returnable else 0,
                )
                for each in starts
            ],
            reports=reports,
        )
        reply = self._reconnecting.run(call, while_waiting)
        claims = _claims(reply.claimed, names)
        for at, flag in zip(reply.doubtful[::2], reply.doubtful[1::2], strict=True):
            claims[at - 1].ended_before = EndedFlag(flag)
        return CycleResult(
            lease_left=reply.lease_left / 1000,
            server_time=reply.server_time / 1000,
            settled=reply.settled,
            started=reply.started,
            claims=claims,
            paused=frozenset(names[at - 1] for at in reply.paused),
            dubious=reply.dubious == 1,
            dropped=reply.dropped,
            broken=tuple(names[at - 1] for at in reply.broken),
            notices=reply.notices == 1,
            dead=reply.dead,
            aside=list(set_aside(reply.aside, names)),
            holds=generation_of(reply.holds) if reply.holds else 0,
        )

    def holds(self) -> Holds:
        """The holds there are. Raises Unreachable or Refused."""
        return read_holds(self.connection, self.keys)

    def _hold(self, outcomes: Sequence[Outcome]) -> list[int]:
        """Put jobs aside that holds keep from starting. Safe to send again after a lost reply."""
        jobs = [
            KeptJob(
                queue=each.claim.queue,
                envelope=each.claim.envelope,
                id=each.id,
                task=each.task,
                retries=each.retries,
                retry_count=each.retry_count,
                unique=each.unique,
                hold=each.note,
            )
            for each in outcomes
        ]
        return self._reconnecting.run(
            KeepJobs(ns=self.keys.namespace, process=self.process, jobs=jobs)
        )

    def active(self) -> ActiveClaims:
        """Every envelope in the active lists of the process, newest first; oversized: set aside."""
        call = CheckActive(
            ns=self.keys.namespace,
            process=self.process,
            guard="",
            by="",
            largest=self._largest,
            with_rest=True,
            queues=self.queues,
        )
        aside: list[OversizedEntry] = []
        while (reply := self._reconnecting.run(call)).aside:
            aside += set_aside(reply.aside, self.queues)
        return ActiveClaims(_claims(reply.rest, self.queues), aside)

    def arrived(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Ids of those among outcomes in doubt that are settled, by their jobs' records.

        The verb of each is then the one that was settled. A job without a record counts as settled:
        a worker that takes one over writes a record.
        """
        if not outcomes:
            return set()
        sent = [
            SentOutcome(each.id, each.verb, stamp(each.started_at), stamp(each.finished_at))
            for each in outcomes
        ]
        flags = self.connection.run(
            SettledOutcomes(ns=self.keys.namespace, process=self.process, outcomes=sent)
        )
        settled = set()
        for each, flag in zip(outcomes, flags, strict=True):
            if flag == SettledFlag.AS_CANCEL:
                each.verb = "cancel"
            if flag in (SettledFlag.YES, SettledFlag.AS_CANCEL):
                settled.add(each.id)
        return settled

    def look_up(self, claims: Iterable[Claim]) -> None:
        """Read the records of jobs of which Redis does not know whether they have ended.

        It decodes neither half of a surrogate pair nor more than 1,000 levels, and the framework writes
        both. ``ended_before`` becomes ``ENDED`` where the job has. Raises Unreachable or Refused.
        """
        doubtful = [claim for claim in claims if claim.ended_before > EndedFlag.ENDED]
        if not doubtful:
            return
        payloads = [peek(claim.envelope) for claim in doubtful]
        ids = [each.id for each in payloads if each.id]
        records = read_bounded_records(
            self.connection, self.keys, ids, ("status",), whole=MOST_READ
        )
        for claim, payload in zip(doubtful, payloads, strict=True):
            record = records.get(payload.id)
            # The framework may have requeued a job of version 1 that failed: see already_ended.lua.
            if (
                record is not None
                and record.finished
                and (record.status != Status.FAILED or payload.version != V1)
            ):
                claim.ended_before = EndedFlag.ENDED

    def count_dropped(self, outcomes: Mapping[str, int]) -> None:
        """Count outcomes that were dropped, by queue."""
        if outcomes:
            dropped = [DroppedCount(queue, number) for queue, number in outcomes.items()]
            self.connection.run(
                CountDropped(ns=self.keys.namespace, worker=self._worker, dropped=dropped)
            )

    def count_tasks(self, counts: TaskCounts) -> None:
        """Write what tasks did. Raises Unreachable or Refused."""
        if counts:
            counts.write(self.connection, self.keys.namespace)

    def crashes(self, job_ids: Sequence[str]) -> list[int]:
        """How many processes died while running each job."""
        if not job_ids:
            return []
        counts = self._reconnecting.call("MGET", *(self.keys.crashes(job_id) for job_id in job_ids))
        return [count(each) for each in counts]

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._reconnecting.close()


def _claims(reply: Sequence[Any], queues: Sequence[str]) -> list[Claim]:
    """Claims of ``queue, envelope, ...``, where queues are numbers from 1."""
    return [
        Claim(queues[at - 1], envelope)
        for at, envelope in zip(reply[::2], reply[1::2], strict=True)
    ]
