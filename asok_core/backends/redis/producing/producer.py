"""The producing side on Redis: record and push in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.producing import Enqueue, NewJob
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.connection_pool import ConnectionPool
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.clock import steady
from asok_core.errors import Unreachable
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.outgoing import JobWriter, OutgoingJob
from asok_core.jobs.oversized import MOST_READ
from asok_core.settings.kinds import is_text
from asok_core.settings.settings import Settings

T = TypeVar("T")

CLOCK_KEPT = 1.0
"""Seconds for which the server's time is counted on from the reply that had it."""

BESIDE_RESULT = 1 << 20
"""Bytes of a record besides its result: a few thousand, and the traceback."""

LONGEST_ID = 256

BATCH = 250
"""Jobs of one round trip: more would hold up other clients of the server."""


class RedisProducer:
    """Puts jobs into Redis. One object serves all threads of a process, also after a fork."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys(settings.namespace)
        self.pool = ConnectionPool(Endpoint(settings.redis_url, namespace=settings.namespace))
        self._clock = ServerClock()
        self._records = settings.records
        self.writer = JobWriter(settings)
        # Workers may keep larger results than readers show.
        self.longest_record = max(MOST_READ, settings.max_result + BESIDE_RESULT)

    def now(self) -> float:
        """Epoch seconds by the server's clock. Raises Unreachable or Refused the first time."""
        return self._clock.now() if self._clock.known else self._twice(self._clock.ask)

    def enqueue(self, jobs: Sequence[Job]) -> list[bool]:
        """Enqueue jobs whose arguments are encoded; see ``push``."""
        return self.push([self.writer.of_job(job) for job in jobs])

    def push(
        self, jobs: Sequence[OutgoingJob], while_waiting: Callable[[], object] | None = None
    ) -> list[bool]:
        """Record and push ``jobs``, each batch of some hundred in one atomic script.

        ``while_waiting`` is called while Redis works on the last of them; again if that is sent again.

        Returns, per job, False where its ``unique`` key is held by an unfinished job. Raises
        Unreachable or Refused.
        """
        # The script knows by its record a job that it has: a lost reply may be asked for again.
        return self._twice(lambda connection: self._push(connection, jobs, while_waiting))

    def _push(
        self,
        connection: Connection,
        jobs: Sequence[OutgoingJob],
        while_waiting: Callable[[], object] | None,
    ) -> list[bool]:
        flags: list[bool] = []
        asked_at = steady()
        for enqueued, server_time in connection.run_each(self._batches(jobs), while_waiting):
            if asked_at - self._clock.learnt_at > CLOCK_KEPT and not flags:
                self._clock.learn(float(server_time), asked_at)
            flags += [flag == 1 for flag in enqueued]
        return flags

    def _batches(self, jobs: Sequence[OutgoingJob]) -> Iterator[Enqueue]:
        for start in range(0, len(jobs), BATCH):
            rows = [_row(each) for each in jobs[start : start + BATCH]]
            yield Enqueue(ns=self.keys.namespace, records=self._records, jobs=rows)

    def holder(self, unique: str) -> str | None:
        """Id of the unfinished job that holds a ``unique`` key. Raises Unreachable or Refused."""
        key = self.keys.unique(unique)
        found = self._twice(lambda connection: connection.call("GETRANGE", key, 0, LONGEST_ID))
        return found.decode("utf-8", "replace") if found else None

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None. Raises Unreachable or Refused."""
        if not is_text(job_id):
            return None
        whole = self.longest_record
        found = self._twice(
            lambda connection: read_bounded_records(connection, self.keys, (job_id,), whole=whole)
        )
        return found.get(job_id)

    def _twice(self, ask: Callable[[Connection], T]) -> T:
        # A pooled connection may have died since it was used last.
        try:
            with self.pool.borrow() as connection:
                return ask(connection)
        except Unreachable:
            self.pool.close()
        # Not while the first error is handled, or a traceback shows both.
        with self.pool.borrow() as connection:
            return ask(connection)

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()


def _row(outgoing: OutgoingJob) -> NewJob:
    job = outgoing.job
    return NewJob(
        id=job.id,
        queue=job.queue,
        envelope=outgoing.envelope(),
        due=_due(job),
        unique=job.unique or "",
        task=job.task,
        retries=job.retries,
    )


def _due(job: Job) -> str:
    # What is relative Redis adds to its own clock.
    if job.delay is not None:
        return f"+{job.delay!r}"
    return "" if job.due_at is None else repr(job.due_at)
