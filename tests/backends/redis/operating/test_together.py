"""Two operators at once, and one that is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import OperationResult, Progress, Scope
from asok_core.errors import Unreachable, UsageError
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from tests.concurrently import run_together
from tests.connections import connections, wait_until_closed
from tests.fixtures.bench import KEYRING, Bench, job_id, number
from tests.programs import PATIENCE, ROOT

ALL = Scope(Location.DEAD)


def race(bench: Bench, *verbs: tuple[str, Scope]) -> list[OperationResult]:
    """Run each verb in a separate thread, all at the same time."""

    def act(verb: str, scope: Scope) -> OperationResult:
        operator = RedisOperator(Endpoint(bench.url), bench.keys, KEYRING)
        result: OperationResult = getattr(operator, verb)(scope)
        operator.close()
        return result

    return run_together(*(partial(act, *each) for each in verbs))


def test_two_operators_requeue_the_same_dead_jobs_and_none_goes_twice(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(3000)]
    bench.add_dead(*jobs)
    first, second = race(bench, ("requeue", ALL), ("requeue", ALL))
    assert first.applied + second.applied == 3000
    assert bench.dead() == []
    assert sorted(job_id(raw) for raw in bench.pending()) == [job.id for job in jobs]


def test_requeue_and_purge_of_overlapping_filters_share_the_dead_jobs(bench: Bench) -> None:
    jobs = [bench.job(queue=f"q{n % 3}") for n in range(3000)]
    bench.add_dead(*jobs)
    even = Scope(Location.DEAD, match=lambda row: number(row) % 2 == 0)
    third = Scope(Location.DEAD, match=lambda row: number(row) % 3 == 0)
    requeued, purged = sorted(
        race(bench, ("requeue", even), ("purge", third)),
        key=lambda result: result.action != "requeue",
    )
    dead = [job_id(raw) for raw in bench.dead()]
    assert dead == [job.id for n, job in enumerate(jobs) if n % 2 and n % 3]
    assert requeued.applied + purged.applied == 2000
    assert len(bench.trash(purged.operation)) == purged.applied
    assert set(bench.locations().values()) == {1}


def test_jobs_are_found_when_others_took_more_than_stood_before_them(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(100)))

    def match(row: Row) -> bool:
        if number(row) == 99:
            # The newest 40 are left: where these were seen, the list has no elements any longer.
            bench.client.ltrim("asok:dlq", 0, 39)
        return number(row) >= 60

    result = bench.operator.purge(Scope(Location.DEAD, match=match))
    assert (result.applied, result.skipped) == (40, {})
    assert bench.dead() == []


def test_dead_jobs_that_arrive_and_are_capped_meanwhile_do_not_lead_astray(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(2000)]
    bench.add_dead(*jobs)
    late: list[bytes] = []

    def act_between(_progress: object) -> bool:
        late.extend(bench.add_dead(bench.job(), bench.job()))
        # As a worker caps the list: the oldest go.
        bench.client.ltrim("asok:dlq", 0, bench.client.llen("asok:dlq") - 8)
        return True

    odd = Scope(Location.DEAD, match=lambda row: number(row) % 2 == 1)
    result = bench.operator.requeue(odd, watch=act_between)
    pending = {job_id(raw) for raw in bench.pending()}
    assert len(pending) == result.applied
    left = {job_id(raw) for raw in bench.dead()}
    assert {job_id(raw) for raw in late} <= left
    assert not {job.id for job in jobs[1::2]} & left
    assert not pending & left


def test_two_restores_of_the_same_trash_restore_each_dead_job_once(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(900)))
    chosen = frozenset(job_id(raw) for raw in dead_jobs[::2])
    operation = bench.operator.purge(Scope(Location.DEAD, ids=chosen)).operation or ""

    def restore() -> int:
        operator = RedisOperator(Endpoint(bench.url), bench.keys, KEYRING)
        try:
            return operator.restore(operation).applied
        except UsageError:
            return 0
        finally:
            operator.close()

    assert sum(run_together(restore, restore)) == 450
    assert bench.dead() == dead_jobs


VICTIM = """
import sys
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Scope
from asok_core.jobs.states import Location
from asok_core.jobs.keyring import Keyring

url, key, verb = sys.argv[1:]
operator = RedisOperator(Endpoint(url), Keys(), Keyring(key.encode()), who="victim@desk")
match = (lambda row: True) if verb == "purge" else None
scope = Scope(Location.DEAD, match=match)
# It never comes to its end: the test kills it before, however late.
watch = lambda p: print(p.applied, flush=True) or p.applied < 5000 or time.sleep(600)
getattr(operator, verb)(scope, watch=watch)
"""


@pytest.mark.parametrize("verb", ["requeue", "purge"])
def test_an_operator_killed_in_the_middle_loses_and_doubles_nothing(
    bench: Bench, verb: str, tmp_path: Path
) -> None:
    jobs = [bench.job() for _ in range(6000)]
    bench.add_dead(*jobs)
    before = connections(bench.client)
    program = tmp_path / "victim.py"
    program.write_text(VICTIM)
    victim = subprocess.Popen(
        [sys.executable, str(program), bench.url, KEYRING.secret.decode(), verb],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert victim.stdout is not None
    for _ in range(3):
        assert victim.stdout.readline()
    victim.send_signal(signal.SIGKILL)
    victim.wait(PATIENCE)
    victim.stdout.close()
    wait_until_closed(bench.client, but=before)

    moved = 6000 - len(bench.dead())
    assert 0 < moved < 6000
    locations = bench.locations()
    assert len(locations) == 6000
    assert set(locations.values()) == {1}
    (entry,) = bench.client.xrange("asok:audit")
    assert (entry[1][b"who"], entry[1][b"state"]) == (b"victim@desk", b"running")
    assert int(entry[1][b"applied"]) == moved
    if verb == "purge":
        operation = entry[1][b"operation"].decode()
        assert bench.operator.restore(operation).applied == moved
        assert [job_id(raw) for raw in bench.dead()] == [job.id for job in jobs]
    else:
        assert bench.operator.requeue(ALL).applied == 6000 - moved
        assert [job_id(raw) for raw in bench.pending()] == [job.id for job in jobs]


def test_redis_that_goes_in_the_middle_is_reported_with_what_was_done(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        operator = RedisOperator(Endpoint(server.url), Keys(), KEYRING)
        bench = Bench(client, server.url, operator)
        bench.add_dead(*(bench.job() for _ in range(900)))

        def close(progress: Progress) -> bool:
            if progress.applied == 600:
                server.close()
            return True

        with pytest.raises(Unreachable, match="at least 600 were done before that"):
            operator.requeue(ALL, watch=close)
        operator.close()
