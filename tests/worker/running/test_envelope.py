"""What a Redis writer does with envelopes that others signed: real servers, real workers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, TASKS, Desk, RunWorker, foreign_envelope
from tests.programs import wait_until

PLANTED = b"asok:active:gone-1-ab.1:default"
"""An active list of a worker that has no lease: it is recovered."""


def v1_envelope(fields: dict[str, object]) -> bytes:
    """What any part of an application makes that signs JSON with SECRET_KEY, as an envelope."""
    text = json.dumps(fields, sort_keys=True)
    signature = hmac.new(SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    return json.dumps({"v": 1, "job": text, "sig": signature}).encode()


def refused(desk: Desk, error: str, count: int = 1) -> None:
    """Wait for the dead jobs with that error, and for nothing else in any location."""
    wait_until(lambda: len(desk.dead()) == count, "the dead job")
    for payload in desk.dead():
        assert (payload.error or "").startswith(f"{error}: "), payload.error
    wait_until(lambda: not desk.active() and not desk.pending(), "empty queues")


COPIES: dict[str, Callable[[Desk, bytes], object]] = {
    "to an idle worker": lambda desk, raw: desk.client.lpush("asok:queue", raw),
    "behind another": lambda desk, raw: desk.client.lpush("asok:queue", raw, raw),
    "delayed": lambda desk, raw: desk.client.zadd("asok:delayed_tasks", {raw: 1}),
    "as if a worker had died": lambda desk, raw: desk.client.lpush(PLANTED, raw),
    "as UTF-16": lambda desk, raw: desk.client.lpush("asok:queue", raw.decode().encode("utf-16")),
    "with escapes": lambda desk, raw: desk.client.lpush(
        "asok:queue", raw.replace(b'\\"id\\"', b"\\u0022i\\u0064\\u0022")
    ),
    "with spaces": lambda desk, raw: desk.client.lpush("asok:queue", b" " + raw),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("version", [1, 2])
def test_a_copy_of_a_completed_job_does_not_run(
    desk: Desk, run_worker: RunWorker, how: str, version: int
) -> None:
    run_worker("--queues", "default", ASOK_WORKER_LEASE="2s")
    job = desk.job("note", "once")
    raw = seal(job, KEYRING, 2) if version == 2 else foreign_envelope(job)
    desk.client.lpush("asok:queue", raw)
    desk.reaches(job, "completed")
    desk.idle()
    COPIES[how](desk, raw)
    refused(desk, "Replayed", 2 if how == "behind another" else 1)
    assert desk.journal() == ["once"]
    assert desk.record(job).status == "completed", "the record is that of the job that ran"


HALF = "\ud83d"
"""Half of a surrogate pair: Python and the framework read and write it, Redis does not."""


@pytest.mark.parametrize("record", ["hash", "json"])
@pytest.mark.parametrize("how", ["to an idle worker", "behind another"])
@pytest.mark.parametrize("ended", ["completed", "cancelled"])
def test_a_copy_of_a_job_that_redis_cannot_read_does_not_run(
    desk: Desk, run_worker: RunWorker, how: str, record: str, ended: str
) -> None:
    job = desk.job("note_first", "once", HALF)
    raw = foreign_envelope(job)
    key = desk.keys.job(job.id)
    if record == "json":
        desk.client.set(key, json.dumps({"status": "pending", "result": None, "error": None}))
    if ended == "completed":
        run_worker("--queues", "default")
        desk.client.lpush("asok:queue", raw)
        desk.reaches(job, "completed")
        desk.idle()
        ran = ["once"]
    else:
        ran = []
        if record == "hash":
            desk.client.hset(key, "status", "cancelled")
        else:
            desk.client.set(key, json.dumps({"status": "cancelled"}))
        desk.client.expire(key, 600)
        run_worker("--queues", "default")
    COPIES[how](desk, raw)
    refused(desk, "Replayed", 2 if how == "behind another" else 1)
    assert {each.error for each in desk.dead()} == {
        "Replayed: the record of this job says that it has ended"
    }
    assert desk.journal() == ran
    assert desk.record(job).status == ended, "the record is that of the job that ran"


def test_a_copy_of_a_job_whose_record_redis_cannot_read_does_not_run(
    desk: Desk, run_worker: RunWorker
) -> None:
    """The framework's record is JSON with the result in it."""
    run_worker("--queues", "default")
    job = desk.job("note", "once")
    text = json.dumps({"status": "completed", "result": HALF, "error": None})
    desk.client.set(desk.keys.job(job.id), text, ex=600)
    desk.client.lpush("asok:queue", foreign_envelope(job))
    refused(desk, "Replayed")
    assert desk.journal() == []


def test_a_job_that_redis_cannot_read_runs_again_after_the_framework_requeued_it(
    desk: Desk, run_worker: RunWorker
) -> None:
    """It moves a dead job before it writes the record, which says `failed` until then."""
    run_worker("--queues", "default")
    job = desk.job("note_first", "once", HALF)
    desk.client.set(desk.keys.job(job.id), json.dumps({"status": "failed", "error": HALF}))
    desk.client.lpush("asok:queue", foreign_envelope(job))
    desk.reaches(job, "completed")
    garbage = desk.job("note_first", "once", HALF)
    desk.client.set(desk.keys.job(garbage.id), "{")
    desk.client.lpush("asok:queue", foreign_envelope(garbage))
    desk.reaches(garbage, "completed")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("ended", ["failed", "cancelled"])
def test_a_copy_of_a_job_that_failed_or_was_cancelled_does_not_run(
    desk: Desk, run_worker: RunWorker, ended: str, version: Literal[1, 2]
) -> None:
    job = desk.enqueue("note", "never")
    desk.client.delete("asok:queue")
    raw = seal(job, KEYRING, version)
    desk.client.lpush("asok:queue", raw)
    operator = RedisOperator(Endpoint(desk.settings.redis_url), desk.keys, KEYRING)
    if ended == "cancelled":
        operator.cancel(Scope(Location.PENDING, "default", frozenset((job.id,))))
    else:
        desk.client.delete("asok:queue")
        desk.client.hset(desk.keys.job(job.id), "status", "failed")
    operator.close()
    desk.client.lpush("asok:queue", raw)
    run_worker("--queues", "default")
    refused(desk, "Replayed")
    assert desk.journal() == []
    assert desk.record(job).status == ended


def test_a_copy_in_another_queue_does_not_run_and_the_job_itself_does(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("note", "low", queue="low")
    desk.client.lpush("asok:queue:high", desk.client.lindex("asok:queue:low", 0))
    foreign = desk.job("note", "foreign", queue="low")
    desk.client.lpush("asok:queue:high", foreign_envelope(foreign))
    run_worker("--queues", "high,low")
    desk.reaches(job, "completed")
    wait_until(lambda: len(desk.dead()) == 2, "the dead jobs")
    assert {payload.error for payload in desk.dead()} == {
        "WrongQueue: the job is signed for queue 'low' and was claimed from 'high'"
    }
    assert desk.journal() == ["low"]


def test_a_job_of_another_namespace_does_not_run(
    desk: Desk, run_worker: RunWorker, make_settings: Callable[..., Settings]
) -> None:
    staging = RedisProducer(make_settings(ASOK_NAMESPACE="staging", ASOK_ENVELOPE="v2"))
    staging.enqueue([desk.job("note", "staging")])
    staging.close()
    desk.client.lpush("asok:queue", desk.client.lindex("staging:queue", 0))
    run_worker("--queues", "default")
    desk.reaches(desk.enqueue("note", "ours"), "completed")
    refused(desk, "BadSignature")
    assert desk.journal() == ["ours"]


def test_nothing_else_that_is_signed_with_the_key_runs_once_version_1_is_not_accepted(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker("--queues", "default", ASOK_ENVELOPE="v2")
    state = {
        "id": "x", "module": TASKS, "function": "note", "args": ["state"], "kwargs": {},
        "_ts": 0, "_nonce": "17",
    }  # fmt: skip
    desk.client.lpush("asok:queue", v1_envelope(state))
    refused(desk, "OldEnvelope")
    ours = desk.job("note", "ours")
    desk.client.lpush("asok:queue", seal(ours, KEYRING, 2))
    desk.reaches(ours, "completed")
    assert desk.journal() == ["ours"]


def test_a_key_of_another_purpose_is_not_the_key_of_envelopes() -> None:
    from asok_core.jobs.keyring import Keyring

    text = "{}"
    keyring = Keyring(b"key", namespace="asok")
    raw = hmac.new(b"key", b"2\0asok\0{}", "sha256").hexdigest()
    assert not keyring.verifies(text, raw, 2)
    # RFC 5869 with an empty salt, written out here a second time.
    extracted = hmac.new(b"", b"key", "sha256").digest()
    derived = hmac.new(extracted, b"asok-console job envelope 2\x01", "sha256").digest()
    assert keyring.sign(text, 2) == hmac.new(derived, b"2\0asok\0{}", "sha256").hexdigest()


def test_a_job_that_is_too_old_does_not_run(desk: Desk, run_worker: RunWorker) -> None:
    (now, _micros) = desk.client.time()
    old = replace(desk.job("note", "old"), enqueued_at=now - 7200.0)
    due = replace(desk.job("note", "due"), enqueued_at=now - 7200.0, due_at=now - 5.0)
    desk.client.lpush("asok:queue", seal(old, KEYRING), seal(due, KEYRING))
    run_worker("--queues", "default", ASOK_MAX_JOB_AGE="1h")
    desk.reaches(due, "completed")
    desk.reaches(old, "failed")
    refused(desk, "TooOld")
    assert desk.journal() == ["due"]


def hidden_beside_raw(shown: Job, run: Job) -> bytes:
    fields = json.loads(seal(run, KEYRING))
    return json.dumps(fields | {"raw": seal(shown, KEYRING).decode()}).encode()


def key_twice(shown: Job, run: Job) -> bytes:
    first, second = seal(shown, KEYRING), seal(run, KEYRING)
    return first[:-1] + b", " + second[1:]


def other_version(_shown: Job, run: Job) -> bytes:
    return seal(run, KEYRING, 2).replace(b'"v": 2', b'"v": 3', 1)


def no_version(_shown: Job, run: Job) -> bytes:
    fields = json.loads(foreign_envelope(run))
    return json.dumps({"job": fields["job"], "sig": fields["sig"]}).encode()


def true_as_version(_shown: Job, run: Job) -> bytes:
    return foreign_envelope(run).replace(b'"v": 1', b'"v": true', 1)


@pytest.mark.parametrize(
    "make", [hidden_beside_raw, key_twice, other_version, no_version, true_as_version]
)
def test_what_can_be_read_in_two_ways_is_neither_shown_as_a_job_nor_run(
    desk: Desk, run_worker: RunWorker, make: Callable[[Job, Job], bytes]
) -> None:
    raw = make(desk.job("note", "shown"), desk.job("note", "run"))
    assert peek(raw, KEYRING).job is None
    desk.client.lpush("asok:queue", raw)
    run_worker("--queues", "default")
    refused(desk, "MalformedEnvelope")
    assert desk.journal() == []
