"""Jobs that dead processes left: the active lists that they are in, and their return to queues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.cycle import CheckActive
from asok_core.backends.redis.calls.leases import Recover, RecoveredJob
from asok_core.backends.redis.calls.walks import Slice
from asok_core.backends.redis.constants import MOST_LISTS
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import glob_escaped, process_numbers, worker_of
from asok_core.errors import WorkerCrashed
from asok_core.inspection.stacks import Stack, encode_kept
from asok_core.jobs.envelope import Payload, dead_entry, peek
from asok_core.jobs.job import Job
from asok_core.jobs.numbers import count
from asok_core.jobs.states import Status
from asok_core.settings.settings import LARGEST_ENVELOPE

BATCH = 200
BATCH_BYTES = 1024 * 1024
IN_DOUBT = 3
"""The factor of the crash limit for a job that ran while hooks were called each time its
process died. It may be innocent, but there must be an end of it."""


def crashed(times: int) -> WorkerCrashed:
    """The error of a job that has reached the crash limit."""
    return WorkerCrashed(f"the process died {times} times while running this job")


class LastStacks(NamedTuple):
    """Where the code of jobs was, by their ids, before their process was ended, and why it was."""

    why: str = ""
    by_job: Mapping[str, Stack] = {}


NO_STACKS = LastStacks()


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """What a recovery moved. ``refused``: the worker was alive after all, or the other has no lease.

    ``dropped`` of the oldest dead jobs made room for new ones.
    """

    returned: int = 0
    dead: int = 0
    refused: bool = False
    dropped: int = 0
    cancelled_jobs: tuple[tuple[Job, bool], ...] = ()
    """Those that an operator had cancelled and that are ended now, and whether each had begun."""
    dead_jobs: tuple[tuple[Job, int], ...] = ()
    """Those that crashed too often, and how often."""
    aside: tuple[OversizedEntry, ...] = ()
    """What was too large to be an envelope, and was set aside."""

    def __add__(self, other: RecoveryResult) -> RecoveryResult:
        return RecoveryResult(
            self.returned + other.returned,
            self.dead + other.dead,
            self.refused or other.refused,
            self.dropped + other.dropped,
            self.cancelled_jobs + other.cancelled_jobs,
            self.dead_jobs + other.dead_jobs,
            self.aside + other.aside,
        )


class OrphanedJobs:
    """Finds the jobs that dead processes left, and returns them. For one thread of a supervisor.

    A job whose process died ``crash_limit`` times while it ran becomes a dead job, of which there are
    ``dlq_max`` at most. All methods raise Unreachable or Refused.
    """

    def __init__(
        self, registry: Registry, *, crash_limit: int, dlq_max: int, largest: int = LARGEST_ENVELOPE
    ) -> None:
        self._registry = registry
        self._keys = registry.keys
        self._limit = crash_limit
        self._dlq_max = dlq_max
        self._largest = largest
        self._cursor: int | bytes = 0

    def lists_of(self, worker: str) -> list[tuple[str, str]]:
        """``(process, queue)`` of every active list a worker may have."""
        key = self._keys.worker(worker)
        (fields,) = self._registry.connection.pipeline(
            [("HMGET", key, "queues", "slots", "processes")]
        )
        try:
            slots, processes = (None if each is None else each.decode() for each in fields[1:])
            queues, numbers = fields[0].decode().split(","), process_numbers(slots, processes)
        except (TypeError, ValueError, AttributeError):
            # There is no hash, or not one that a worker wrote.
            return self._scanned(worker)
        if numbers is None or not 0 < len(queues) * len(numbers) <= MOST_LISTS:
            return self._scanned(worker)
        return [(f"{worker}.{n}", queue) for n in numbers for queue in queues]

    def lists_without_lease(self, keys_at_most: int = 1000) -> list[tuple[str, str]]:
        """Active lists that no lease covers, found by one bounded step of a slow SCAN."""
        found = self._scan_step(f"{glob_escaped(self._keys.namespace)}:active:*", keys_at_most)
        owners = {worker_of(process) for process, _ in found}
        scores = self._registry.connection.pipeline(
            [("ZSCORE", self._keys.workers, each) for each in owners]
        )
        leased = {each for each, score in zip(owners, scores, strict=True) if score is not None}
        return [(process, queue) for process, queue in found if worker_of(process) not in leased]

    def recover(
        self,
        process: str,
        queue: str,
        *,
        guard: str = "",
        by: str = "",
        charged: Collection[str] | None = None,
        doubted: Collection[str] = (),
        stacks: LastStacks = NO_STACKS,
    ) -> RecoveryResult:
        """Return the active jobs of ``process`` and ``queue``, each job atomically and in its order.

        ``guard`` names the worker whose lease must have run out, '' when its process is known dead;
        ``by`` is the worker that recovers it, whose own lease must be alive at the same instant.
        ``charged`` are the ids that were running when it died (None: whatever its record says ran).
        ``doubted`` are those that ran while it may have died of something else: see ``IN_DOUBT``.
        The record of each job keeps what ``stacks`` has of it.
        """
        key, total = self._keys.active(process, queue), RecoveryResult()
        stuck = 0
        while batch := self._slice(key, stuck):
            if not all(isinstance(each, bytes) for each in batch):
                refused, aside = self._set_aside(process, queue, guard, by)
                total += RecoveryResult(refused=refused, aside=aside)
                if refused:
                    break
                if aside:
                    self._registry.between()
                    continue
            envelopes = [each for each in batch if isinstance(each, bytes)]
            stuck += len(batch) - len(envelopes)
            if not envelopes:
                continue
            payloads = [peek(raw) for raw in envelopes]
            guilty = self._running(payloads, process) if charged is None else charged
            limits = dict.fromkeys(doubted, IN_DOUBT * self._limit)
            limits |= dict.fromkeys(guilty, self._limit)
            times = self._times(each.id for each in payloads if each.id in limits)
            call = Recover(
                ns=self._keys.namespace,
                process=process,
                queue=queue,
                guard=guard,
                by=by,
                dlq_max=self._dlq_max,
                jobs=[
                    self._recovered_job(
                        each,
                        limits.get(each.id, 0),
                        times.get(each.id, 0),
                        self._kept_stack(each, process, stacks),
                    )
                    for each in payloads
                ],
            )
            reply = self._registry.connection.run(call)
            dead = [payloads[at - 1] for at in reply.dead_numbers]
            jobs = tuple((each.job, times[each.id]) for each in dead if each.job is not None)
            ended = zip(reply.cancelled[::2], reply.cancelled[1::2], strict=True)
            cancelled = [(payloads[at - 1].job, began == 1) for at, began in ended]
            total += RecoveryResult(
                reply.returned,
                reply.dead,
                reply.refused == 1,
                reply.dropped,
                tuple((job, began) for job, began in cancelled if job is not None),
                jobs,
            )
            if reply.refused:
                break
            # What could not be moved (its queue is not a list) must not hold up the rest.
            stuck += len(envelopes) - reply.returned - reply.dead - len(cancelled)
            self._registry.between()
        return total

    def _slice(self, key: str, passed: int) -> list[bytes | int]:
        return self._registry.connection.run(
            Slice(
                elements=key,
                order="left",
                passed=passed,
                count=BATCH,
                most=BATCH_BYTES,
                largest=self._largest,
            )
        )

    def _set_aside(
        self, process: str, queue: str, guard: str, by: str
    ) -> tuple[bool, tuple[OversizedEntry, ...]]:
        reply = self._registry.connection.run(
            CheckActive(
                ns=self._keys.namespace,
                process=process,
                guard=guard,
                by=by,
                largest=self._largest,
                with_rest=False,
                queues=(queue,),
            )
        )
        return reply.guarded == 1, tuple(set_aside(reply.aside, (queue,)))

    def _times(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How many processes died while running each job, with the one that is recovered."""
        ids = tuple(job_ids)
        found = self._registry.connection.call("MGET", *map(self._keys.crashes, ids)) if ids else ()
        return {job_id: count(each) + 1 for job_id, each in zip(ids, found, strict=True)}

    def _kept_stack(self, payload: Payload, process: str, stacks: LastStacks) -> str:
        stack = stacks.by_job.get(payload.id)
        if not stack or payload.job is None:
            return ""
        attempt = payload.job.attempt
        return encode_kept(stacks.why, attempt, self._registry.now(), process, stack)

    def _recovered_job(self, payload: Payload, limit: int, times: int, stack: str) -> RecoveredJob:
        job = payload.job
        dead_job, error = b"", f"{WorkerCrashed.__name__}: {crashed(times)}"
        if limit:
            dead_job = dead_entry(
                payload.raw, failed_at=self._registry.now(), error=error, traceback=error
            )
        return RecoveredJob(
            envelope=payload.raw,
            id=payload.id,
            limit=limit,
            dead_job=dead_job,
            task=job.task if job else "",
            unique=(job.unique or "") if job else "",
            error=error,
            stack=stack,
        )

    def _running(self, payloads: Sequence[Payload], process: str) -> set[str]:
        ids = [each.id for each in payloads if each.id]
        records = read_bounded_records(
            self._registry.connection, self._keys, ids, ("status", "worker")
        )
        return {
            job_id
            for job_id, record in records.items()
            if record.status == Status.RUNNING and record.worker in (None, process)
        }

    def _scanned(self, worker: str) -> list[tuple[str, str]]:
        # A worker without a hash: a whole SCAN, but only for a worker that is dead.
        found: list[tuple[str, str]] = []
        self._cursor = 0
        pattern = f"{glob_escaped(self._keys.namespace)}:active:{glob_escaped(worker)}.*"
        while True:
            found += self._scan_step(pattern, 1000)
            if int(self._cursor) == 0:
                return found

    def _scan_step(self, pattern: str, count: int) -> list[tuple[str, str]]:
        self._cursor, names = self._registry.connection.call(
            "SCAN", self._cursor, "MATCH", pattern, "COUNT", count
        )
        parts = (self._keys.active_parts(name.decode("utf-8", "replace")) for name in names)
        return [each for each in parts if each is not None]
