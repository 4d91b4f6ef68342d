"""Letters and jobs in every state an operator may meet them in."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Progress
from asok_core.inspection.snapshot import Row
from asok_core.jobs.envelope import Keyring, bury, seal
from asok_core.jobs.job import Job
from tests.conftest import SECRET_KEY

if TYPE_CHECKING:
    import redis

KEYRING = Keyring(SECRET_KEY.encode())
STRANGER = Keyring(b"another key")
EPOCH = 1_700_000_000.0


def letter(job: Job, failed_at: float, keyring: Keyring = KEYRING) -> bytes:
    """A dead letter as our worker writes it."""
    return bury(seal(job, keyring), failed_at=failed_at, error="ValueError: no", traceback="Trace")


def foreign_letter(job: Job, failed_at: float) -> bytes:
    """A dead letter as the framework writes it: bare, unsigned."""
    return json.dumps(
        {
            "id": job.id,
            "module": job.module,
            "function": job.function,
            "args": list(job.args),
            "kwargs": dict(job.kwargs),
            "queue": job.queue,
            "retries": job.retries,
            "retry_count": job.retry_count,
            "backoff": job.backoff,
            "failed_at": failed_at,
            "error": "boom",
        }
    ).encode()


class Steps(list[Progress]):
    """A watch that lets an action go on and remembers how far it was."""

    def __call__(self, progress: Progress) -> bool:
        self.append(progress)
        return True


def number(row: Row) -> int:
    """The first argument of a row's job, which Bench counts up."""
    assert row.payload.job
    return int(row.payload.job.args[0])


@dataclass
class Bench:
    """A Redis with jobs in it, and the operator under test."""

    client: Any
    url: str
    operator: RedisOperator
    keys: Keys = field(default_factory=Keys)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def job(self, **fields: Any) -> Job:
        """A job with a fresh id."""
        number = next(self.numbers)
        base = {"id": f"job-{number:06}", "module": "shop", "function": "mail", "retries": 3}
        return Job(**{**base, "retry_count": 3, "args": (number,), **fields})

    def die(self, *jobs: Job, keyring: Keyring = KEYRING) -> list[bytes]:
        """Dead letters of ``jobs``, the first the oldest."""
        now = float(self.client.time()[0]) - 3600
        letters = [letter(job, now + at, keyring) for at, job in enumerate(jobs)]
        if letters:
            self.client.lpush(self.keys.dead, *letters)
        return letters

    def pend(self, *jobs: Job) -> list[bytes]:
        """Pending envelopes of ``jobs`` in their queues, the first the next to run."""
        envelopes = [seal(job, KEYRING) for job in jobs]
        for job, envelope in zip(jobs, envelopes, strict=True):
            self.client.lpush(self.keys.queue(job.queue), envelope)
        return envelopes

    def delay(self, *jobs: Job, due: float = EPOCH) -> list[bytes]:
        """Delayed envelopes, the first the soonest."""
        envelopes = [seal(job, KEYRING) for job in jobs]
        self.client.zadd(self.keys.delayed, {raw: due + at for at, raw in enumerate(envelopes)})
        return envelopes

    def dead(self) -> list[bytes]:
        """The dead letters, oldest first."""
        return self._oldest_first(self.keys.dead)

    def pending(self, queue: str = "default") -> list[bytes]:
        """The pending envelopes, the next to run first."""
        return self._oldest_first(self.keys.queue(queue))

    def trash(self, operation: str | None) -> list[bytes]:
        """The trash of an operation, oldest first."""
        return self._oldest_first(self.keys.trash(operation or ""))

    def record(self, job_id: str) -> dict[str, str]:
        """The fields of a record that is a hash."""
        return {
            k.decode(): v.decode() for k, v in self.client.hgetall(self.keys.job(job_id)).items()
        }

    def _oldest_first(self, key: str) -> list[bytes]:
        elements: list[bytes] = self.client.lrange(key, 0, -1)
        return elements[::-1]

    def places(self) -> Counter[str]:
        """In how many places each job id is, over everything that holds envelopes."""
        found: Counter[str] = Counter()
        for key in self.client.scan_iter(count=1000):
            kind = self.client.type(key)
            if kind == b"list" and not key.endswith((b":at", b":recent")):
                found.update(job_id(raw) for raw in self.client.lrange(key, 0, -1))
            elif key == b"asok:delayed_tasks":
                found.update(job_id(raw) for raw in self.client.zrange(key, 0, -1))
        return found


def job_id(raw: bytes) -> str:
    """The id of the job in an envelope or letter."""
    fields = json.loads(raw)
    return str(json.loads(fields["job"])["id"] if "job" in fields else fields["id"])


def job_of(raw: bytes) -> dict[str, Any]:
    """The job's fields in an envelope or letter."""
    fields: dict[str, Any] = json.loads(json.loads(raw)["job"])
    return fields


@pytest.fixture
def bench(redis_url: str, redis_client: redis.Redis) -> Iterator[Bench]:
    operator = RedisOperator(Endpoint(redis_url), Keys(), KEYRING, who="ann@desk")
    yield Bench(redis_client, redis_url, operator)
    operator.close()
