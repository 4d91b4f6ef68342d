"""The producing side on Redis: record and push in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.producing import Enqueue, NewJob
from asok_core.backends.redis.connection import Connection, ConnectionPool, Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.clock import steady
from asok_core.errors import Unreachable
from asok_core.jobs.envelope import keyring_of, seal_text, sendable_text
from asok_core.jobs.job import Job, JobRecord
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
        self._keyring = keyring_of(settings)
        self._max_payload = settings.max_payload
        # Workers may keep larger results than readers show.
        self.longest_record = max(MOST_READ, settings.max_result + BESIDE_RESULT)

    def now(self) -> float:
        """Epoch seconds by the server's clock. Raises Unreachable or Refused the first time."""
        return self._clock.now() if self._clock.known else self._twice(self._clock.ask)

    def enqueue(
        self, jobs: Sequence[Job], while_waiting: Callable[[], object] | None = None
    ) -> list[bool]:
        """Record and push ``jobs``, each batch of some hundred in one atomic script.

        ``while_waiting`` is called while Redis works on the last of them; again if that is sent again.

        Returns, per job, False where its ``unique`` key is held by an unfinished job. Raises
        PayloadTooLarge before anything is sent, Unreachable or Refused.
        """
        texts = [sendable_text(job, self._max_payload) for job in jobs]
        # The script knows by its record a job that it has: a lost reply may be asked for again.
        return self._twice(lambda connection: self._enqueue(connection, jobs, texts, while_waiting))

    def _enqueue(
        self,
        connection: Connection,
        jobs: Sequence[Job],
        texts: Sequence[str],
        while_waiting: Callable[[], object] | None,
    ) -> list[bool]:
        def batches() -> Iterator[Enqueue]:
            yield from self._batches(jobs, texts)
            if while_waiting is not None:
                while_waiting()

        flags: list[bool] = []
        asked_at = steady()
        for enqueued, server_time in connection.run_each(batches()):
            if asked_at - self._clock.learnt_at > CLOCK_KEPT and not flags:
                self._clock.learn(float(server_time), asked_at)
            flags += [flag == 1 for flag in enqueued]
        return flags

    def _batches(self, jobs: Sequence[Job], texts: Sequence[str]) -> Iterator[Enqueue]:
        for start in range(0, len(jobs), BATCH):
            batch = slice(start, start + BATCH)
            yield Enqueue(
                ns=self.keys.namespace,
                records=self._records,
                jobs=[
                    NewJob(
                        id=job.id,
                        queue=job.queue,
                        envelope=seal_text(text, self._keyring),
                        due=_due(job),
                        unique=job.unique or "",
                        task=job.task,
                        retries=job.retries,
                    )
                    for job, text in zip(jobs[batch], texts[batch], strict=True)
                ],
            )

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
            with self.pool.borrow() as connection:
                return ask(connection)

    def close(self) -> None:
        """Give the connections back."""
        self.pool.close()


def _due(job: Job) -> str:
    # What is relative Redis adds to its own clock.
    if job.delay is not None:
        return f"+{job.delay!r}"
    return "" if job.due_at is None else repr(job.due_at)
