"""A few first, and the rest only if those do not fail as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.jobs.states import Location
from asok_core.operations.canary import Canary, Verdict
from tests.backends.redis.operating.workers import as_before, well, worker
from tests.fixtures.bench import Bench, job_id
from tests.programs import PATIENCE, wait_until

ALL = Scope(Location.DEAD, words="everything")


@pytest.fixture
def canary(bench: Bench) -> Iterator[Canary]:
    reader = RedisReader(Endpoint(bench.url), Keys())
    yield Canary(reader, bench.operator, first=10, rate=2000, patience=PATIENCE)
    reader.close()


def test_canary_sends_the_rest_when_the_first_go_well(bench: Bench, canary: Canary) -> None:
    bench.add_dead(*(bench.job() for _ in range(800)))
    with worker(bench, well) as taken:
        result = canary.run(ALL)
        wait_until(lambda: len(taken) == 800, lambda: f"800 jobs: {len(taken)} were taken")
    assert (result.verdict, result.completed, result.failed) == (Verdict.ALL, 10, 0)
    assert [each.applied for each in result.results] == [10, 790]
    assert bench.dead() == []


def test_canary_stops_when_the_first_fail_as_before(bench: Bench, canary: Canary) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(100)))
    with worker(bench, as_before):
        result = canary.run(ALL)
    assert (result.verdict, result.error) == (Verdict.FAILED_AGAIN, "ValueError: no")
    assert bench.dead() == dead_jobs[10:]


def test_canary_continues_when_the_error_is_another_one(bench: Bench, canary: Canary) -> None:
    bench.add_dead(*(bench.job() for _ in range(30)))
    with worker(bench, lambda _taken: {"status": "failed", "error": "KeyError: 'x'"}):
        result = canary.run(ALL)
    assert (result.verdict, result.failed) == (Verdict.ALL, 10)
    assert bench.dead() == []


def test_canary_stops_the_rest_when_the_error_returns(bench: Bench, canary: Canary) -> None:
    bench.add_dead(*(bench.job() for _ in range(3000)))
    canary.rate = 400
    with worker(bench, lambda taken: well(taken) if taken < 300 else as_before(taken)):
        result = canary.run(ALL)
    assert result.verdict is Verdict.FAILED_AGAIN
    assert 200 < sum(each.applied for each in result.results) < 3000
    assert len(bench.dead()) > 0


def test_canary_without_a_worker_is_undecided(bench: Bench, canary: Canary) -> None:
    bench.add_dead(*(bench.job() for _ in range(30)))
    canary.patience = 0.2
    result = canary.run(ALL)
    assert (result.verdict, result.left) == (Verdict.UNDECIDED, 10)
    assert len(bench.dead()) == 20


def test_canary_goes_before_a_backlog(bench: Bench, canary: Canary) -> None:
    bench.add_pending(*(bench.job() for _ in range(500)))
    jobs = [bench.job() for _ in range(3)]
    bench.add_dead(*jobs)
    canary.run(ALL, lambda _progress: False)
    assert [job_id(raw) for raw in bench.pending()[:3]] == [job.id for job in jobs]


def test_canary_can_be_stopped_and_has_nothing_to_do(bench: Bench, canary: Canary) -> None:
    assert canary.run(ALL).verdict is Verdict.NOTHING
    bench.add_dead(*(bench.job() for _ in range(30)))
    assert canary.run(ALL, lambda _progress: False).verdict is Verdict.STOPPED
    assert len(bench.dead()) == 20
