"""Jobs that resume from their checkpoints: after a stop, a kill, a time limit, in another process."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.checkpoints import read_checkpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.roles import Scope
from asok_core.inspection.history import history_of
from asok_core.jobs.checkpoint import JobCheckpoint, encoded
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.worker.running.mode import ProcessMode
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

BEGAN = "1700000000.000000"
PROCESS = "w.1"


def signed(job: Job, text: str, began: str = BEGAN, keyring: Keyring = KEYRING) -> str:
    return encoded(job.id, JobCheckpoint(text, 1700000001.5, began), keyring)


def report(job: Job, text: str) -> TaskReport:
    return TaskReport("default", b"", job.id, BEGAN, "", signed(job, text))


def steps(word: str, numbers: Sequence[int]) -> list[str]:
    return [f"{word} {number}" for number in numbers]


@pytest.fixture
def consumer(desk: Desk) -> Iterator[Consumer]:
    found = Consumer(
        Endpoint(desk.settings.redis_url),
        desk.keys,
        worker="w",
        process=PROCESS,
        queues=["default"],
        dlq_max=10,
    )
    yield found
    found.close()


def test_a_stopped_job_is_resumed_by_another_worker_and_repeats_nothing(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="60s")
    job = desk.enqueue("step_through", "long", 2000)
    desk.wait_for_lines("long 3")
    asked_at = time.monotonic()
    assert worker.stop() == 0
    # It would take 100 s.
    assert time.monotonic() - asked_at < 20
    (pending,) = desk.pending()
    assert pending.raw == seal(job, KEYRING)
    record = desk.record(job)
    assert (record.status, record.retry_count, record.interruptions) == ("pending", 0, 1)
    assert record.checkpoint is not None
    assert record.checkpoint.cursor == {"done": len(desk.journal())}
    assert "Job interrupted" in worker.log
    desk.release("fast")
    run_worker()
    record = desk.reaches(job, "completed")
    assert desk.journal() == steps("long", range(2000))
    assert (record.retry_count, record.interruptions, record.checkpoint) == (0, 1, None)
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    events = history_of(detail, detail.read_at)
    (returned,) = [each for each in events if each.what == "returned"]
    assert returned.detail == "resumes from its checkpoint"


def test_a_job_whose_process_is_killed_repeats_a_second_at_most(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = desk.enqueue("step_through", "long", 100)
    wait_until(lambda: desk.record(job).checkpoint is not None, "the checkpoint")
    made = desk.record(job).checkpoint
    assert made is not None
    os.kill(worker.only_process(), signal.SIGKILL)
    killed_at = len(desk.journal())
    desk.release("fast")
    desk.reaches(job, "completed")
    repeated = desk.journal()[killed_at:]
    assert made.cursor["done"] <= int(repeated[0].removeprefix("long ")) <= killed_at
    assert repeated[-1] == "long 99"
    assert set(desk.journal()) == set(steps("long", range(100)))


def test_a_hard_limit_after_a_new_checkpoint_spends_no_retry(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = desk.enqueue("keep_and_hang", "stuck", timeout=0.2, hard_timeout=0.5)
    record = desk.reaches(job, "completed")
    assert desk.journal() == ["stuck None", "stuck hangs"]
    assert (record.retry_count, record.interruptions) == (0, 1)
    assert "Job interrupted" in worker.log
    assert not desk.client.exists("asok:notices:default")


def test_a_process_that_has_run_its_jobs_interrupts_none(desk: Desk, run_worker: RunWorker) -> None:
    desk.release("fast")
    run_worker("--max-jobs", "1")
    jobs = [desk.enqueue("step_through", word, 3) for word in ("one", "two")]
    records = [desk.reaches(job, "completed") for job in jobs]
    assert desk.journal() == steps("one", range(3)) + steps("two", range(3))
    assert [each.interruptions for each in records] == [0, 0]


def test_which_orders_interrupt_jobs() -> None:
    interrupting = set()
    for order in ("quiet", "retire", "drain", "quit", "orphaned"):
        mode = ProcessMode()
        assert mode.follow(order)
        if mode.interrupts:
            interrupting.add(order)
    assert interrupting == {"retire", "drain", "quit", "orphaned"}


def test_only_a_checkpoint_that_a_worker_signed_is_resumed_from(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.release("fast")
    jobs = {word: desk.job("step_through", word, 3) for word in ("good", "other", "forged", "junk")}
    done = '{"done":2}'
    kept = {
        "good": signed(jobs["good"], done),
        "other": signed(jobs["good"], done),
        "forged": signed(jobs["forged"], done, keyring=Keyring(b"x" * 40)),
        "junk": "junk",
    }
    for word, job in jobs.items():
        desk.producer.enqueue([job])
        desk.client.hset(desk.keys.job(job.id), "checkpoint", kept[word])
    worker = run_worker()
    for job in jobs.values():
        desk.reaches(job, "completed")
    assert desk.journal() == [
        "good 2",
        *steps("other", range(3)),
        *steps("forged", range(3)),
        *steps("junk", range(3)),
    ]
    assert worker.log.count("its signature is not valid") == 2


def test_a_checkpoint_is_kept_until_the_job_completes(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    key, envelope = desk.keys.job(job.id), seal(job, KEYRING)
    desk.client.lpush(desk.keys.active(PROCESS, "default"), envelope)
    desk.client.hset(key, mapping={"status": "running", "worker": PROCESS, "started_at": BEGAN})
    claim = Claim("default", envelope)
    failed = Outcome("fail", claim, job.id, "m.f", moved=b"{}", error="E", error_line="E")
    failed.started_at, failed.finished_at = float(BEGAN), float(BEGAN) + 2
    consumer.cycle([failed], [], 0, reports=[report(job, "7")])
    kept = desk.record(job).checkpoint
    assert kept is not None
    assert (kept.text, kept.at) == ("7", 1700000001.5)
    # It has ended: what is left of the attempt changes nothing.
    consumer.cycle([], [], 0, reports=[report(job, "8")])
    assert desk.record(job).checkpoint == kept
    desk.client.lpush(desk.keys.active(PROCESS, "default"), envelope)
    desk.client.hset(key, mapping={"status": "running", "worker": PROCESS, "started_at": BEGAN})
    completed = Outcome("complete", claim, job.id, "m.f", result="1")
    completed.started_at, completed.finished_at = float(BEGAN), float(BEGAN) + 2
    consumer.cycle([completed], [], 0, reports=[report(job, "9")])
    assert desk.client.hget(key, "checkpoint") is None


@pytest.mark.parametrize("charged", [False, True])
def test_a_lost_process_interrupts_its_jobs_and_a_crash_is_counted_by_itself(
    desk: Desk, consumer: Consumer, charged: bool
) -> None:
    job = desk.job("note", "x")
    desk.client.lpush(desk.keys.active(PROCESS, "default"), seal(job, KEYRING))
    running = {"status": "running", "worker": PROCESS, "started_at": BEGAN}
    desk.client.hset(desk.keys.job(job.id), mapping=running)
    consumer.cycle([], [], 0, reports=[report(job, "7")])
    with closing(Registry(Endpoint(desk.settings.redis_url), desk.keys)) as registry:
        orphaned = OrphanedJobs(registry, crash_limit=3, dlq_max=10)
        orphaned.recover(PROCESS, "default", charged=[job.id] if charged else ())
    record = desk.record(job)
    assert (record.status, record.interruptions) == ("pending", 0 if charged else 1)
    assert record.checkpoint is not None


def test_a_record_that_is_json_keeps_a_checkpoint_as_well(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    key, envelope = desk.keys.job(job.id), seal(job, KEYRING)
    fields = {"status": "running", "worker": PROCESS, "started_at": float(BEGAN), "result": None}
    desk.client.set(key, json.dumps(fields), ex=1000)
    consumer.cycle([], [], 0, reports=[report(job, '"\\ud800"')])
    found = read_checkpoint(consumer.connection, desk.keys, job.id, KEYRING)
    assert found is not None
    assert found.cursor == "\ud800"
    desk.client.lpush(desk.keys.active(PROCESS, "default"), envelope)
    claim = Claim("default", envelope)
    for count in (1, 2):
        returned = Outcome("return", claim, job.id, "m.f", interrupted=True)
        returned.started_at = float(BEGAN)
        consumer.cycle([returned], [], 0)
        assert desk.record(job).interruptions == count
        desk.client.lpush(desk.keys.active(PROCESS, "default"), envelope)
    assert desk.record(job).checkpoint == found
    completed = Outcome("complete", claim, job.id, "m.f", result="1")
    completed.started_at, completed.finished_at = float(BEGAN), float(BEGAN) + 2
    consumer.cycle([completed], [], 0)
    assert (desk.record(job).status, desk.record(job).checkpoint) == ("completed", None)


def test_a_requeued_job_resumes_and_an_edited_one_begins_again(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    jobs = [desk.enqueue("keep_and_fail", word) for word in ("requeued", "edited")]
    for job in jobs:
        desk.reaches(job, "failed")
    with closing(open_operator(desk.settings)) as operator:
        dead = {each.id: each for each in desk.dead()}
        operator.requeue(Scope(Location.DEAD, ids=frozenset({jobs[0].id})))
        operator.edit(dead[jobs[1].id].raw, ["changed"], {})
    wait_until(lambda: len(desk.journal()) == 4, "both again")
    assert sorted(desk.journal()[2:]) == ["changed None", "requeued 1"]
