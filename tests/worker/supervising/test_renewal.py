"""While jobs wait or run, workers renew their records and unique keys; those of lost jobs expire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming import renewal
from asok_core.backends.redis.consuming.renewal import Renewal, RenewalStep, renew_active
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.job import Job
from asok_core.operations.inspector import open_operator
from tests.elapsed import DAY, let_pass
from tests.fixtures.worker import Desk, RunWorker, foreign_envelope
from tests.programs import wait_until

KEYS = Keys()
LONG = 29 * DAY
"""Less than the TTL that a renewal gives."""


@pytest.fixture
def connection(redis_url: str) -> Iterator[Connection]:
    opened = Endpoint(redis_url).connect()
    yield opened
    opened.close()


def step(client: Any, connection: Connection, worker: str = "w") -> RenewalStep:
    """A step of the round, due or not."""
    client.delete(KEYS.renewing)
    return Renewal(KEYS, worker).step(connection)


def go_round(client: Any, connection: Connection) -> list[RenewalStep]:
    """All steps of a round."""
    steps = [step(client, connection)]
    while client.hget(KEYS.renewal, "began") != b"0.0":
        steps.append(step(client, connection))
    return steps


def ttl(client: Any, job: Job) -> int:
    return int(client.ttl(KEYS.job(job.id)))


def test_a_worker_renews_what_waits_and_what_runs(desk: Desk, run_worker: RunWorker) -> None:
    operator = open_operator(desk.settings)
    operator.pause("low")
    operator.close()
    due = desk.client.time()[0] + 3600.0
    running = desk.enqueue("hold", "it", unique="running")
    waiting = [
        desk.enqueue("note", "paused", queue="low", unique="paused"),
        desk.enqueue("note", "delayed", due_at=due, unique="delayed"),
        desk.enqueue("note", "of a queue without a worker", queue="rare", unique="unserved"),
    ]
    foreign = desk.job("note", "foreign", queue="low")
    desk.client.set(KEYS.job(foreign.id), json.dumps({"status": "pending"}), ex=DAY)
    desk.client.lpush(KEYS.queue("low"), foreign_envelope(foreign))
    # Its record says by now that it has ended: 24 h are what it gets.
    ended = desk.enqueue("note", "ended", queue="low")
    desk.client.hset(KEYS.job(ended.id), "status", "completed")
    run_worker()
    desk.wait_for_lines("begin it")
    desk.reaches(running, "running")
    let_pass(desk.client, 20 * DAY)
    desk.client.set(KEYS.job(foreign.id), json.dumps({"status": "pending"}), ex=DAY)
    # One that begins now: the first is at rest until an hour has passed.
    desk.client.delete(KEYS.renewal, KEYS.renewing)
    run_worker("--queues", "other")
    for job in (*waiting, foreign):
        wait_until(lambda job=job: ttl(desk.client, job) > LONG, f"a renewal of {job.args}")  # type: ignore[misc]
    for key in ("paused", "delayed", "unserved"):
        assert desk.client.ttl(KEYS.unique(key)) > LONG, key
    assert ttl(desk.client, ended) <= 11 * DAY
    assert desk.client.type(KEYS.job(foreign.id)) == b"string"
    desk.release("it")


def test_a_worker_renews_what_it_runs_itself(desk: Desk, connection: Connection) -> None:
    job = desk.enqueue("hold", "it", unique="u")
    desk.client.lmove(KEYS.queue("default"), KEYS.active("w.1", "default"), "RIGHT", "LEFT")
    let_pass(desk.client, 20 * DAY)
    renew_active(connection, KEYS, [("w.1", "high"), ("w.1", "default")])
    assert ttl(desk.client, job) > LONG
    assert desk.client.ttl(KEYS.unique("u")) > LONG


def test_jobs_of_months_keep_their_records(desk: Desk, connection: Connection) -> None:
    job = desk.enqueue("note", "patient", unique="u")
    for _ in range(4):
        let_pass(desk.client, 25 * DAY)
        go_round(desk.client, connection)
    assert desk.record(job).status == "pending"
    assert desk.client.get(KEYS.unique("u")) == job.id.encode()


def test_a_long_queue_is_walked_in_steps_while_others_take_from_it(
    desk: Desk, connection: Connection
) -> None:
    jobs = [desk.job("note", str(n)) for n in range(1500)]
    desk.producer.enqueue(jobs)
    let_pass(desk.client, 20 * DAY)
    taken = 0
    while not taken or desk.client.hget(KEYS.renewal, "began") != b"0.0":
        done = step(desk.client, connection, f"worker {taken}")
        assert done.renewed <= renewal.JOBS_AT_ONCE
        desk.client.rpop(KEYS.queue("default"), 30)
        taken += 30
    left = jobs[taken:]
    renewed = sum(ttl(desk.client, job) > LONG for job in left)
    # What moved past the walk, for others took what was before it, is met by the next round.
    assert renewed >= len(left) - taken
    go_round(desk.client, connection)
    assert all(ttl(desk.client, job) > LONG for job in left)


def test_large_jobs_are_read_few_at_a_time(desk: Desk, connection: Connection) -> None:
    jobs = [desk.job("note", "x" * 900_000) for _ in range(12)]
    for job in jobs:
        desk.producer.enqueue([job])
    let_pass(desk.client, 20 * DAY)
    go_round(desk.client, connection)
    assert all(ttl(desk.client, job) > LONG for job in jobs)


def test_one_supervisor_at_a_time_does_a_step(desk: Desk, connection: Connection) -> None:
    job = desk.enqueue("note", "job")
    let_pass(desk.client, 20 * DAY)
    desk.client.set(KEYS.renewing, "another", px=4000)
    done = Renewal(KEYS, "w").step(connection)
    assert (done.renewed, ttl(desk.client, job) > LONG) == (0, False)
    assert 1 <= done.wait <= 4
    step(desk.client, connection)
    # At rest until an hour after the round began; a supervisor looks once a minute at most.
    assert Renewal(KEYS, "w").step(connection).wait == renewal.LONGEST_WAIT
    assert 3500 < desk.client.ttl(KEYS.renewing) <= 3600


def lose(desk: Desk, *jobs: Job) -> None:
    """As when a human deletes a list, or the framework's worker takes from it."""
    for job in jobs:
        desk.client.delete(KEYS.queue(job.queue))
    let_pass(desk.client, 3600)


def test_what_two_rounds_have_not_met_expires_and_nothing_else(
    desk: Desk, connection: Connection
) -> None:
    lost = [desk.enqueue("note", f"{n}", unique=f"lost {n}", queue="gone") for n in range(3)]
    kept = desk.enqueue("note", "kept", unique="kept")
    done = desk.enqueue("note", "done", queue="gone")
    desk.client.hset(KEYS.job(done.id), "status", "failed")
    desk.client.expire(KEYS.job(done.id), DAY)
    lose(desk, *lost)
    first = go_round(desk.client, connection)
    assert sum(each.lost for each in first) == 0, "one round proves nothing"
    assert all(ttl(desk.client, job) > LONG for job in lost)
    second = go_round(desk.client, connection)
    assert [each.lost for each in second if each.lost] == [3]
    assert all(ttl(desk.client, job) <= DAY for job in lost)
    assert all(desk.client.ttl(KEYS.unique(f"lost {n}")) <= DAY for n in range(3))
    assert ttl(desk.client, kept) > LONG
    assert desk.client.ttl(KEYS.unique("kept")) > LONG
    assert sum(each.lost for each in go_round(desk.client, connection)) == 0, "it is reported once"
    let_pass(desk.client, DAY + 60)
    assert desk.client.keys("asok:job:*") == [KEYS.job(kept.id).encode()]
    assert desk.client.keys("asok:unique:*") == [KEYS.unique("kept").encode()]


def test_a_job_that_both_rounds_missed_is_met_by_the_next(
    desk: Desk, connection: Connection
) -> None:
    job = desk.enqueue("note", "job", unique="u")
    envelope = desk.client.lindex(KEYS.queue("default"), 0)
    lose(desk, job)
    for _ in range(2):
        go_round(desk.client, connection)
    assert ttl(desk.client, job) <= DAY
    desk.client.lpush(KEYS.queue("default"), envelope)
    go_round(desk.client, connection)
    assert ttl(desk.client, job) > LONG
    assert desk.client.ttl(KEYS.unique("u")) > LONG


def test_a_worker_says_that_jobs_were_lost(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("note", "job", queue="gone")
    lose(desk, job)
    seconds = desk.client.time()[0]
    desk.client.hset(KEYS.renewal, mapping={"last": seconds - 1800.0, "place": ""})
    desk.client.expire(KEYS.renewal, DAY)
    worker = run_worker()
    worker.wait_for_log("Found 1 unfinished jobs that are in no queue")
    assert ttl(desk.client, job) <= DAY


def test_queues_that_the_set_has_lost_are_found(desk: Desk, connection: Connection) -> None:
    job = desk.enqueue("note", "job", queue="rare")
    desk.client.delete(KEYS.queues)
    let_pass(desk.client, 20 * DAY)
    for _ in range(2):
        go_round(desk.client, connection)
    assert ttl(desk.client, job) > LONG


@pytest.mark.keeps_keys(r"asok:renewal")
def test_spoiled_keys_stop_neither_the_round_nor_the_worker(
    desk: Desk, connection: Connection, redis_client: redis.Redis
) -> None:
    job = desk.enqueue("note", "job", unique="u")
    let_pass(redis_client, 20 * DAY)
    redis_client.set(KEYS.queue("odd"), "text", ex=DAY)
    redis_client.sadd(KEYS.queues, "odd", b"\xff")
    redis_client.lpush(KEYS.queue("default"), b"not json", b'{"v": 1, "job": "{}", "sig": ""}')
    redis_client.hset(KEYS.renewal, mapping={"began": "nan", "at": "x", "last": "-", "place": "?"})
    redis_client.delete(KEYS.unique("u"))
    redis_client.lpush(KEYS.unique("u"), "odd")
    redis_client.expire(KEYS.unique("u"), DAY)
    go_round(redis_client, connection)
    assert ttl(redis_client, job) > LONG
    assert redis_client.ttl(KEYS.unique("u")) <= DAY
