"""Two namespaces in one Redis, of which one begins like the other, with the same job ids in both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import redis

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

STAGING = "asok:staging"

pytestmark = pytest.mark.keeps_keys(f"{STAGING}:(queue.*|recent|workers)")


@pytest.fixture
def staging(desk: Desk, redis_client: redis.Redis, tmp_path: Path) -> Desk:
    settings = replace(desk.settings, namespace=STAGING)
    return Desk(settings, redis_client, RedisProducer(settings), tmp_path, Keys(STAGING))


def test_a_worker_serves_and_recovers_its_own_namespace_only(
    desk: Desk, staging: Desk, run_worker: RunWorker
) -> None:
    job = desk.job("hold", "ours")
    same = replace(job, args=("theirs",))
    waiting = replace(desk.job("note", "w"), queue="staging")
    assert desk.producer.enqueue([job, waiting]) == [True, True]
    assert staging.producer.enqueue([same, waiting]) == [True, True]
    first = run_worker(ASOK_WORKER_LEASE="3s")
    desk.wait_for_lines("begin ours")
    second = run_worker(ASOK_WORKER_LEASE="3s", ASOK_NAMESPACE=STAGING)
    desk.wait_for_lines("begin ours", "begin theirs")
    # One dies whole: the other must neither recover nor clean up anything of it.
    first.kill()
    desk.release("theirs")
    staging.reaches(same, "completed")
    assert desk.record(job).status == "running"
    assert len(desk.active()) == 1
    third = run_worker(ASOK_WORKER_LEASE="3s")
    desk.release("ours")
    desk.reaches(job, "completed")
    third.wait_for_log("Recovered")
    assert "Recovered" not in second.log
    assert sorted(desk.journal()) == sorted(
        ["begin ours", "begin theirs", "end theirs", "begin ours", "end ours"]
    )
    assert [each.id for each in desk.pending("staging")] == [waiting.id]
    assert [each.id for each in staging.pending("staging")] == [waiting.id]


def test_an_operator_sees_and_purges_its_own_namespace_only(desk: Desk, staging: Desk) -> None:
    job = desk.job("note", "job")
    for each in (desk, staging):
        assert (
            each.producer.enqueue([job, replace(desk.job("note", "x"), queue="queue")])
            == [True] * 2
        )
    reader, operator = open_reader(desk.settings), open_operator(desk.settings)
    try:
        snapshot = reader.snapshot()
        assert {queue.name: queue.pending for queue in snapshot.queues if queue.pending} == {
            "default": 1,
            "queue": 1,
        }
        assert operator.purge(Scope(Location.PENDING, "default")).applied == 1
        operator.pause("queue")
    finally:
        reader.close()
        operator.close()
    wait_until(lambda: not desk.pending(), "the purge")
    assert [each.id for each in staging.pending()] == [job.id]
    assert staging.record(job).status == "pending"
    assert not desk.client.smembers(staging.keys.paused)
