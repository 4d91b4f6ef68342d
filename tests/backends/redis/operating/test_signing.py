"""Every operation on a job signs it again for the queue that it goes to, in its version, or is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Scope
from asok_core.errors import WrongQueue
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.worker.running.claim_checks import verified
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import Bench

Version = Literal[1, 2]
BOTH = Keyring(SECRET_KEY.encode())
V2_ONLY = Keyring(SECRET_KEY.encode(), writes=2, accepts_v1=False)
ONE = Scope(Location.DEAD)


def dead(bench: Bench, job: Job, version: Version) -> bytes:
    dead_job = dead_entry(seal(job, BOTH, version), failed_at=5.0, error="ValueError: no")
    bench.client.lpush(bench.keys.dead, dead_job)
    return dead_job


def pend(bench: Bench, job: Job, version: Version) -> None:
    bench.client.lpush(bench.keys.queue(job.queue), seal(job, BOTH, version))


def moved(bench: Bench, job: Job, version: Version) -> str:
    pend(bench, job, version)
    assert bench.operator.move(Scope(Location.PENDING, queue="low"), to="high").applied == 1
    return "high"


def moved_there_and_back(bench: Bench, job: Job, version: Version) -> str:
    moved(bench, job, version)
    assert bench.operator.move(Scope(Location.PENDING, queue="high"), to="low").applied == 1
    return "low"


def moved_to_the_front(bench: Bench, job: Job, version: Version) -> str:
    pend(bench, job, version)
    scope = Scope(Location.PENDING, queue="low", ids=frozenset([job.id]))
    assert bench.operator.move(scope, front=True).applied == 1
    return "low"


def requeued(bench: Bench, job: Job, version: Version) -> str:
    dead(bench, job, version)
    assert bench.operator.requeue(ONE).applied == 1
    return "low"


def requeued_to_the_front(bench: Bench, job: Job, version: Version) -> str:
    dead(bench, job, version)
    assert bench.operator.requeue(ONE, front=True).applied == 1
    return "low"


def edited(bench: Bench, job: Job, version: Version) -> str:
    dead_job = dead(bench, job, version)
    assert bench.operator.edit(dead_job, [7], {}).applied == 1
    return "low"


def purged_and_restored(bench: Bench, job: Job, version: Version) -> str:
    pend(bench, job, version)
    done = bench.operator.purge(Scope(Location.PENDING, queue="low"))
    assert bench.operator.restore(done.operation or "").applied == 1
    return "low"


def cancelled_and_restored(bench: Bench, job: Job, version: Version) -> str:
    pend(bench, job, version)
    done = bench.operator.cancel(Scope(Location.PENDING, queue="low", ids=frozenset([job.id])))
    assert bench.operator.restore(done.operation or "").applied == 1
    return "low"


def promoted(bench: Bench, job: Job, version: Version) -> str:
    bench.client.zadd(bench.keys.delayed, {seal(job, BOTH, version): 9e9})
    assert bench.operator.promote(Scope(Location.DELAYED)).applied == 1
    return "low"


WAYS = [
    moved, moved_there_and_back, moved_to_the_front, requeued, requeued_to_the_front, edited,
    purged_and_restored, cancelled_and_restored, promoted,
]  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_what_an_operation_puts_into_a_queue_runs_from_there_in_the_version_that_it_had(
    bench: Bench, way: Callable[[Bench, Job, Version], str], version: Version
) -> None:
    job = bench.job(queue="low")
    queue = way(bench, job, version)
    (raw,) = bench.pending(queue)
    found = verified(Claim(queue, raw), BOTH, None, lambda: 0.0)
    assert (found.id, found.queue) == (job.id, queue)
    assert json.loads(raw)["v"] == version == peek(raw).version
    if queue != "low":
        bench.client.rename(bench.keys.queue(queue), bench.keys.queue("low"))
        with pytest.raises(WrongQueue):
            verified(Claim("low", raw), BOTH, None, lambda: 0.0)


@pytest.mark.parametrize("act", ["move", "requeue", "edit"])
def test_where_version_1_is_not_accepted_it_is_signed_in_no_version(bench: Bench, act: str) -> None:
    operator = RedisOperator(Endpoint(bench.url), Keys(), V2_ONLY, who="ann@desk")
    job = bench.job(queue="low")
    if act == "move":
        pend(bench, job, 1)
        result = operator.move(Scope(Location.PENDING, queue="low"), to="high")
    else:
        dead_job = dead(bench, job, 1)
        result = operator.requeue(ONE) if act == "requeue" else operator.edit(dead_job, [7], {})
    operator.close()
    assert (result.applied, sum(result.refused.values())) == (0, 1)
    assert bench.pending("high") == []
    assert sum(bench.locations().values()) == 1
