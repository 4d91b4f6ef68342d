"""What a worker writes of the progress that tasks report: the last report, of its own attempt."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.inspection.history import history_of
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.jobs.progress import JobProgress, encoded
from asok_core.operations.inspector import open_reader
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

BEGAN = "1700000000.000000"
LATER = "1700000100.000000"
PROCESS = "w.1"


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


def report(job: Job, envelope: bytes = b"", *, began: str = BEGAN, done: int = 40) -> TaskReport:
    line = encoded(began, JobProgress(done, 100, "page 3", 1700000001.5))
    return TaskReport("default", envelope, job.id, began, line, "")


def lines_of(desk: Desk, job: Job) -> list[Any]:
    text = desk.client.hget(desk.keys.job(job.id), "progress")
    return [json.loads(each) for each in text.split(b"\n")] if text else []


def noted(desk: Desk, job: Job, **fields: str) -> None:
    """Write a record as that of an attempt that runs, and that expires."""
    running = {"status": "running", "worker": PROCESS, "started_at": BEGAN}
    desk.client.hset(desk.keys.job(job.id), mapping=running | fields)
    desk.client.expire(desk.keys.job(job.id), 1000)


def test_a_report_is_written_while_the_record_says_that_the_attempt_runs(
    desk: Desk, consumer: Consumer
) -> None:
    job = desk.job("note", "x")
    noted(desk, job)
    consumer.cycle([], [], 0, reports=[report(job)])
    consumer.cycle([], [], 0, reports=[report(job, done=41)])
    assert lines_of(desk, job) == [[BEGAN, 1700000001.5, 41, 100, "page 3"]]
    assert 0 < desk.client.ttl(desk.keys.job(job.id)) <= 1000
    assert desk.record(job).progress == (41, 100, "page 3", 1700000001.5)


@pytest.mark.parametrize(
    "fields",
    [
        {"worker": "other.1"},
        {"started_at": LATER},
        {"status": "pending"},
        {"status": "completed"},
        {"status": "failed"},
    ],
    ids=str,
)
def test_a_process_that_no_longer_runs_the_attempt_writes_nothing(
    desk: Desk, consumer: Consumer, fields: dict[str, str]
) -> None:
    job = desk.job("note", "x")
    noted(desk, job, **fields)
    consumer.cycle([], [], 0, reports=[report(job)])
    assert lines_of(desk, job) == []


def test_a_report_creates_no_record(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    envelope = seal(job, KEYRING)
    desk.client.lpush(desk.keys.active(PROCESS, "default"), envelope)
    consumer.cycle([], [], 0, reports=[report(job), report(job, envelope)])
    assert desk.client.exists(desk.keys.job(job.id)) == 0


def test_before_the_start_is_noted_the_active_list_decides(desk: Desk, consumer: Consumer) -> None:
    held, lost = desk.job("note", "x"), desk.job("note", "y")
    for job in (held, lost):
        noted(desk, job, status="pending", started_at="")
    envelopes = [seal(job, KEYRING) for job in (held, lost)]
    desk.client.lpush(desk.keys.active(PROCESS, "default"), envelopes[0])
    consumer.cycle([], [], 0, reports=[report(held, envelopes[0]), report(lost, envelopes[1])])
    assert [len(lines_of(desk, job)) for job in (held, lost)] == [1, 0]
    # A copy of the envelope that began later, in the same process.
    desk.client.hset(desk.keys.job(held.id), "started_at", LATER)
    consumer.cycle([], [], 0, reports=[report(held, envelopes[0], done=99)])
    assert lines_of(desk, held)[0][2] == 40


def test_the_last_reports_of_ten_attempts_are_kept(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    starts = [f"17000000{at:02}.000000" for at in range(12)]
    for began in starts:
        noted(desk, job, started_at=began)
        for done in (1, 2):
            consumer.cycle([], [], 0, reports=[report(job, began=began, done=done)])
    assert [each[0] for each in lines_of(desk, job)] == starts[2:]
    assert {each[2] for each in lines_of(desk, job)} == {2}


def test_what_another_program_left_there_is_replaced(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    noted(desk, job, progress="x" * 100_000)
    consumer.cycle([], [], 0, reports=[report(job)])
    assert len(lines_of(desk, job)) == 1


def test_a_record_that_is_json_keeps_its_form_and_its_time(desk: Desk, consumer: Consumer) -> None:
    job = desk.job("note", "x")
    key = desk.keys.job(job.id)
    fields = {"status": "running", "worker": PROCESS, "started_at": float(BEGAN), "result": None}
    desk.client.set(key, json.dumps(fields), ex=1000)
    consumer.cycle([], [], 0, reports=[report(job)])
    assert desk.record(job).progress == (40, 100, "page 3", 1700000001.5)
    assert desk.record(job).status == "running"
    assert desk.client.type(key) == b"string"
    assert 0 < desk.client.ttl(key) <= 1000
    desk.client.set(key, json.dumps(fields | {"worker": "other.1"}), ex=1000)
    consumer.cycle([], [], 0, reports=[report(job)])
    assert desk.record(job).progress is None


def test_a_job_that_reports_all_the_time_is_written_once_a_second(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    own_desk.client.config_set("notify-keyspace-events", "Kh")
    job = own_desk.job("report_often", 100_000)
    with closing(own_desk.client.pubsub()) as listening:
        listening.subscribe(f"__keyspace@0__:{own_desk.keys.job(job.id)}")
        own_desk.producer.enqueue([job])
        run_worker(ASOK_REDIS_URL=server.url)
        record = own_desk.reaches(job, "completed")
        writes = 0
        while (message := listening.get_message(timeout=1)) is not None:
            writes += message["data"] == b"hset"
    assert record.finished_at is not None
    assert record.started_at is not None
    # Enqueued, noted as running, and completed; each second, and at the end.
    assert writes <= 3 + (record.finished_at - record.started_at) + 2
    assert record.progress is not None
    assert record.progress[:3] == (100_000, 100_000, "item 99999")
    assert record.checkpoint is None


def test_a_job_whose_process_is_killed_shows_how_far_it_was(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = desk.enqueue("report_and_hold", "word", retries=1)
    wait_until(lambda: desk.record(job).progress is not None, "the progress")
    os.kill(worker.only_process(), signal.SIGKILL)
    desk.wait_for_lines("begin word", "begin word")
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    (crashed,) = [each for each in history_of(detail, detail.read_at) if each.what == "crashed"]
    assert crashed.progress is not None
    assert crashed.progress[:3] == (1, 2, "word")
    desk.release("word")
    desk.reaches(job, "completed")


def test_a_report_survives_an_outage_of_redis(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    run_worker(ASOK_REDIS_URL=server.url)
    job = own_desk.enqueue("report_after", "word", "reported")
    own_desk.wait_for_lines("begin word")
    own_desk.reaches(job, "running")
    server.stop(kill=True)
    own_desk.release("word")
    own_desk.wait_for_lines("reported word")
    server.start()
    wait_until(lambda: own_desk.record(job).progress is not None, "the progress")
    own_desk.wait_for_lines("resumes from None")
    own_desk.release("reported")
    own_desk.reaches(job, "completed")


def test_hidden_values_do_not_reach_redis(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_REDACT="password")
    job = desk.enqueue("report_argument", "ada", kwargs={"password": "s3cret-Zq"})
    desk.reaches(job, "completed")
    text = desk.client.hget(desk.keys.job(job.id), "progress")
    assert b"signed in ada" in text
    assert b"s3cret" not in text
