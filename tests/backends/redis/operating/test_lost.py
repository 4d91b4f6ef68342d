"""A job in no location is closed, and its unique key freed; one that is anywhere is left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating import missing_jobs as lost
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.roles import Scope
from asok_core.errors import JobCancelled
from asok_core.jobs.calls import make_call
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from tests.concurrently import wait_for_end
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.samples import sample_tasks

WAIT = 30.0
PROCESS = "one.1"


@pytest.fixture
def consumer(bench: Bench) -> Iterator[Consumer]:
    endpoint = Endpoint(bench.url)
    registry = Registry(endpoint, Keys())
    registry.heartbeat("one", ("default",), {"queues": "default", "processes": 1})
    made = Consumer(
        endpoint, Keys(), worker="one", process=PROCESS, queues=("default",), dlq_max=1000
    )
    yield made
    made.close()
    registry.close()


def enqueue(backend: RedisBackend, **options: Any) -> JobFuture[Any]:
    return backend.enqueue(make_call(sample_tasks.add, 1, _unique="one", **options))


def lose(client: Any, future: JobFuture[Any], where: str) -> None:
    """Let the list that holds a job be deleted."""
    if where == "active":
        client.lmove("asok:queue", f"asok:active:{PROCESS}:default", "RIGHT", "LEFT")
        client.hset(f"asok:job:{future.job_id}", mapping={"status": "running", "worker": PROCESS})
    client.delete("asok:queue", "asok:delayed_tasks", f"asok:active:{PROCESS}:default")


@pytest.mark.parametrize("where", ["pending", "delayed", "active"])
def test_a_lost_job_is_closed_by_cancel(backend: RedisBackend, bench: Bench, where: str) -> None:
    future = enqueue(backend, **({"_delay": 3600} if where == "delayed" else {}))
    lose(bench.client, future, where)
    assert enqueue(backend).job_id == future.job_id  # its key is taken
    assert backend.cancel(future.job_id) is True
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status == "cancelled"
    assert record.finished_at is not None
    assert (record.error or "").startswith("JobLost: it was in no queue, not delayed, ")
    with pytest.raises(JobCancelled, match=r"was lost, and cancelled: JobLost: it was in no queue"):
        future.result(WAIT)
    assert not bench.client.exists("asok:unique:one")
    assert enqueue(backend).job_id != future.job_id
    assert backend.cancel(future.job_id) is False
    # Those before it are of the locations in which it was searched.
    entry = bench.client.xrange("asok:audit")[-1]
    assert entry[1][b"action"] == b"cancel"
    assert entry[1][b"words"] == f"id:{future.job_id} (lost)".encode()
    assert (entry[1][b"applied"], entry[1][b"state"]) == (b"1", b"done")


def test_a_lost_job_is_closed_beside_keys_whose_names_are_not_utf_8(
    backend: RedisBackend, bench: Bench
) -> None:
    future = enqueue(backend)
    lose(bench.client, future, "pending")
    for key in (b"asok:queue:caf\xe9", b"asok:active:gone.7:caf\xe9", b"asok:trash:\xe9"):
        bench.client.lpush(key, "another job")
        bench.client.expire(key, 60)
    bench.client.set(b"asok:unique:caf\xe9", future.job_id, ex=60)
    assert backend.cancel(future.job_id) is True
    assert bench.record(future.job_id)["status"] == "cancelled"
    assert not bench.client.exists(b"asok:unique:caf\xe9")


def test_a_job_without_a_record_is_found_in_a_queue_whose_name_is_not_utf_8(
    backend: RedisBackend, bench: Bench
) -> None:
    job = bench.job(queue="cafe")
    (envelope,) = bench.add_pending(job)
    bench.client.rename("asok:queue:cafe", b"asok:queue:caf\xe9")
    assert backend.cancel(job.id) is True
    assert not bench.client.exists(b"asok:queue:caf\xe9")
    entry = bench.client.xrange("asok:audit")[-1]
    assert bench.trash(entry[1][b"operation"].decode()) == [envelope]


def test_a_caller_that_waits_is_notified(backend: RedisBackend, bench: Bench) -> None:
    future, reported = enqueue(backend), threading.Event()
    future.add_done_callback(lambda _: reported.set())
    lose(bench.client, future, "pending")
    assert future.cancel() is True
    assert reported.wait(WAIT)
    assert future.cancelled()


def test_the_command_closes_it_and_says_so(
    backend: RedisBackend, bench: Bench, asok: Callable[..., Ran]
) -> None:
    future = enqueue(backend)
    lose(bench.client, future, "pending")
    ran = asok("job", "cancel", future.job_id, "--yes")
    assert (ran.code, ran.out) == (0, "Cancelled 1 job\n")
    assert f"job {future.job_id} was lost: it was in no queue" in ran.err
    ran = asok("job", "cancel", "no-such-job", "--yes")
    assert (ran.code, ran.out) == (1, "Cancelled 0 jobs (1 skipped: not found)\n")
    shown = asok("job", "show", future.job_id)
    assert "JobLost: it was in no queue" in shown.out


def test_a_record_of_the_framework_is_closed_unless_it_runs(
    backend: RedisBackend, bench: Bench
) -> None:
    key = "asok:job:theirs"
    bench.client.set(key, '{"status": "running", "ts": 1.5, "queue": "default"}', ex=60)
    assert not bench.operator.cancel_lost("theirs").applied
    bench.client.set(key, '{"status": "pending", "ts": 1.5, "queue": "default"}', ex=60)
    assert bench.operator.cancel_lost("theirs").applied == 1
    record = backend.record("theirs")
    assert record is not None
    assert (record.status, record.foreign) == ("cancelled", True)


def put(bench: Bench, where: str, job: Job) -> None:
    """Put a job into a location, with a record that says something else."""
    envelope, client = seal(job, KEYRING), bench.client
    client.hset(
        f"asok:job:{job.id}", mapping={"status": "pending", "ts": "1.5", "queue": "default"}
    )
    client.expire(f"asok:job:{job.id}", 60)
    for _ in range(150 if where == "deep" else 0):
        bench.add_pending(bench.job())
    if where in ("pending", "deep"):
        client.lpush("asok:queue", envelope)
    elif where == "delayed":
        client.zadd("asok:delayed_tasks", {envelope: 4e9})
        bench.delay(*(bench.job() for _ in range(600)))
    elif where == "leased":
        client.zadd("asok:workers", {"w": 4e12})
        client.hset("asok:worker:w", mapping={"processes": "2"})
        client.expire("asok:worker:w", 60)
        client.lpush("asok:active:w.2:default", envelope)
    elif where == "dead":
        client.lpush("asok:dlq", dead_entry(envelope, failed_at=1.0, error="no"))
    elif where == "trash":
        client.lpush("asok:trash:20260101-000000-abcdef", envelope)
        client.expire("asok:trash:20260101-000000-abcdef", 60)
    else:
        client.lpush(where, envelope)


@pytest.mark.keeps_keys("asok:queue:elsewhere")
@pytest.mark.parametrize(
    "where",
    [
        *("pending", "deep", "delayed", "leased", "dead", "trash"),
        *("asok:active:gone.7:other", "asok:queue:elsewhere"),
    ],
)
def test_a_job_that_is_anywhere_is_left_alone(bench: Bench, where: str) -> None:
    job = bench.job()
    put(bench, where, job)
    bench.client.set("asok:unique:one", job.id, ex=60)
    before = bench.record(job.id)
    result = bench.operator.cancel_lost(job.id)
    assert (result.applied, sum(result.skipped.values())) == (0, 1)
    assert bench.record(job.id) == before
    assert bench.client.get("asok:unique:one") == job.id.encode()
    assert not bench.client.exists("asok:audit")


def test_what_cannot_be_looked_through_in_one_step_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.job()
    put(bench, "pending", job)
    bench.client.delete("asok:queue")
    bench.add_pending(*(bench.job() for _ in range(300)))
    for name in ("MOST_JOBS", "MOST_BYTES"):
        with monkeypatch.context() as changed:
            changed.setattr(lost, name, 150)
            (why,) = bench.operator.cancel_lost(job.id).skipped
            assert why == "its queue is too long to be sure that it is not in it"
    with monkeypatch.context() as changed:
        changed.setattr(lost, "LONGEST", -1.0)
        (why,) = bench.operator.cancel_lost(job.id).skipped
        assert why.startswith("its queues and the trash are too long to be sure")
    assert bench.operator.cancel_lost(job.id).applied == 1


@pytest.mark.parametrize(
    "comes_to",
    ["asok:queue", "asok:active:new.1:default", "asok:active:successors.7:default", "record"],
)
def test_a_job_that_comes_back_between_two_looks_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, comes_to: str
) -> None:
    job = bench.job()
    put(bench, "pending", job)
    envelope = bench.client.rpop("asok:queue")

    def elsewhere(*_: object) -> str:
        if comes_to == "record":
            bench.client.hset(f"asok:job:{job.id}", "ts", "2.5")
        elif comes_to == "asok:queue":
            bench.client.lpush("asok:queue", envelope)
        else:
            # The second has a process that succeeds others, with a number of its own.
            bench.client.zadd("asok:workers", {"new": 4e12, "successors": 4e12})
            bench.client.hset(
                "asok:worker:successors", mapping={"processes": "1", "slots": "6:1,7:2"}
            )
            bench.client.expire("asok:worker:successors", 60)
            bench.client.lpush(comes_to, envelope)
        return ""

    monkeypatch.setattr(lost, "_elsewhere", elsewhere)
    result = bench.operator.cancel_lost(job.id)
    assert (result.applied, sum(result.skipped.values())) == (0, 1)
    assert bench.record(job.id)["status"] == "pending"


def test_a_job_that_a_worker_takes_and_returns_all_the_time_is_never_lost(
    bench: Bench, backend: RedisBackend, consumer: Consumer
) -> None:
    """Those moves write no record, and neither list of the two holds the job for long."""
    future, stopped, moves = enqueue(backend), threading.Event(), [0]

    def flap() -> None:
        while not stopped.is_set():
            for claim in consumer.cycle([], [], 1).claims:
                job = peek(claim.envelope, Keyring(SECRET_KEY.encode())).id
                consumer.cycle([Outcome("return", claim, id=job)], [], 0)
                moves[0] += 1

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        while moves[0] < 500:
            assert not bench.operator.cancel_lost(future.job_id).applied
    finally:
        stopped.set()
        wait_for_end(thread, "what moves the job")
    scope = Scope(Location.PENDING, queue="default", ids=frozenset((future.job_id,)))
    assert bench.operator.cancel(scope).applied == 1
