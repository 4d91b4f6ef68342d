"""Entries that are too large to be envelopes: Redis sets them aside, and nothing reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.renewal import Renewal
from asok_core.jobs.envelope import Trust, seal
from asok_core.jobs.oversized import MOST_READ
from asok_core.operations.inspector import open_operator
from asok_core.settings.settings import LARGEST_ENVELOPE
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

HOOKED = "tests.worker.hooked"
MEGABYTE = 1_000_000


def nul() -> bytes:
    return bytes(90 * MEGABYTE)


def garbage() -> bytes:
    return bytes(range(1, 251)) * (100 * MEGABYTE // 250)


def unsigned_json() -> bytes:
    job = {"id": "large", "module": "m", "function": "f", "args": ["a" * 100 * MEGABYTE]}
    return json.dumps({**job, "kwargs": {}, "queue": "default", "backoff": 2.0}).encode()


def one_byte_too_many() -> bytes:
    return b"[" + b"7" * LARGEST_ENVELOPE


Make = Callable[[], bytes]
ATTACKS = [nul, garbage, unsigned_json, one_byte_too_many]


UNKNOWN = "; its job id is not known"


def reported(entry: bytes) -> str:
    sha1 = hashlib.sha1(entry, usedforsecurity=False).hexdigest()
    return f"{len(entry)} bytes, more than ASOK_MAX_ENVELOPE (5242880); SHA-1 {sha1}{UNKNOWN}"


def set_aside(desk: Desk, entry: bytes, queue: str = "default") -> None:
    """Wait until an entry is where nothing reads it, with a dead job that says so."""
    sha1 = hashlib.sha1(entry, usedforsecurity=False).hexdigest()
    wait_until(lambda: desk.client.llen(desk.keys.dead) == 1, "the dead job")
    [raw] = desk.client.lrange(desk.keys.dead, 0, -1)
    [dead] = desk.dead()
    shown = f"{len(entry) / 2**20:,.1f} MiB"
    assert (dead.trust, dead.problem) == (Trust.OVERSIZED, f"oversized: {shown}, SHA-1 {sha1}")
    assert dead.error == f"Oversized: {reported(entry)}"
    assert dead.rejected
    assert len(raw) < 1000
    said = json.loads(raw)["oversized"]
    assert (said["size"], said["sha1"], said["queue"]) == (len(entry), sha1, queue)
    assert desk.client.lrange(desk.keys.oversized(sha1), 0, -1) == [entry]
    assert 0 < desk.client.ttl(desk.keys.oversized(sha1)) <= 7 * 86_400
    assert desk.active() == []
    assert (desk.counted("dead", queue), desk.counted("failed", queue)) == (1, 1)


@pytest.mark.parametrize("make", ATTACKS)
def test_what_waits_in_a_queue_is_set_aside(desk: Desk, run_worker: RunWorker, make: Make) -> None:
    entry = make()
    desk.client.lpush("asok:queue", entry)
    job = desk.enqueue("good", module=HOOKED)
    worker = run_worker()
    desk.reaches(job, "completed")
    set_aside(desk, entry)
    worker.wait_for_log("Entry set aside")
    desk.wait_for_lines(f"default: ? Oversized: {reported(entry)}")
    assert worker.stop() == 0


@pytest.mark.parametrize("make", ATTACKS)
def test_what_comes_while_a_worker_waits_is_set_aside(
    desk: Desk, run_worker: RunWorker, make: Make
) -> None:
    worker = run_worker()
    job = desk.enqueue("good", module=HOOKED)
    desk.reaches(job, "completed")
    desk.idle()
    (pid,) = worker.processes()
    entry = make()
    desk.client.lpush("asok:queue", entry)
    set_aside(desk, entry)
    worker.wait_for_log("Entry set aside")
    desk.wait_for_lines(f"default: ? Oversized: {reported(entry)}")
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")
    assert worker.processes() == [pid]
    assert worker.stop() == 0


def test_what_a_dead_worker_holds_is_set_aside(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--concurrency", "2")
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    [key] = desk.client.keys("asok:active:*")
    worker.kill()
    entry = nul()
    # Where a claim that came by the idle wait would be: its process died before it could act.
    desk.client.lpush(key, entry)
    for word in ("one", "two"):
        desk.release(word)
    other = run_worker()
    for job in jobs:
        desk.reaches(job, "completed")
    set_aside(desk, entry)
    other.wait_for_log("Entry set aside")
    assert not desk.client.exists(key)


@pytest.mark.parametrize("due_in", [-60, 86_400])
def test_what_is_delayed_is_set_aside(desk: Desk, run_worker: RunWorker, due_in: int) -> None:
    entry, (seconds, _) = garbage(), desk.client.time()
    desk.client.zadd(desk.keys.delayed, {entry: seconds + due_in})
    job = desk.job("note", "soon")
    desk.client.zadd(desk.keys.delayed, {seal(job, KEYRING): seconds + max(0, due_in)})
    if due_in > 0:
        # The one that is delayed longest is never looked at: it is not the first.
        later = desk.job("note", "later")
        desk.client.zadd(desk.keys.delayed, {seal(later, KEYRING): seconds + 2 * due_in})
    worker = run_worker()
    set_aside(desk, entry)
    worker.wait_for_log("Entry set aside")
    if due_in < 0:
        desk.wait_for_lines("soon")
    else:
        wait_until(lambda: len(desk.delayed()) == 2, "the others")


def test_nothing_is_lost_where_it_cannot_be_set_aside(desk: Desk, run_worker: RunWorker) -> None:
    """The key of the dead jobs is of another type: the entry stays, and other jobs run."""
    entry = one_byte_too_many()
    desk.client.set(desk.keys.dead, "spoiled")
    desk.client.lpush("asok:queue", entry)
    (seconds, _) = desk.client.time()
    desk.client.zadd(desk.keys.delayed, {entry: seconds - 60})
    worker = run_worker(ASOK_WORKER_LEASE="3s")
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")
    delayed = desk.job("note", "delayed")
    desk.client.zadd(desk.keys.delayed, {seal(delayed, KEYRING): seconds})
    desk.wait_for_lines("delayed")
    assert desk.active() == [entry]
    assert [each for each, _ in desk.delayed()] == [entry]
    worker.kill()
    desk.client.delete(desk.keys.dead)
    other = run_worker()
    wait_until(lambda: desk.client.llen(desk.keys.dead) == 2, "the dead jobs")
    sha1 = hashlib.sha1(entry, usedforsecurity=False).hexdigest()
    assert desk.client.lrange(desk.keys.oversized(sha1), 0, -1) == [entry] * 2
    other.wait_for_log("Entry set aside", times=2)


def test_a_limit_that_is_raised_lets_larger_jobs_run(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.job("note", "x" * 6 * MEGABYTE)
    desk.client.lpush("asok:queue", seal(job, KEYRING))
    run_worker(ASOK_MAX_ENVELOPE="16MiB")
    wait_until(desk.journal, "the journal")
    assert desk.dead() == []


@pytest.mark.parametrize("queue", ["unserved", "low"])
def test_what_waits_where_no_worker_claims_is_set_aside(
    desk: Desk, run_worker: RunWorker, queue: str
) -> None:
    """The queue is not served, or paused: an operator can still look at it."""
    entry = nul()
    worker = run_worker()
    desk.reaches(desk.enqueue("give"), "completed")
    # The walk over all that waits has been, and comes again in an hour.
    wait_until(lambda: desk.client.hget(desk.keys.renewal, "began") == b"0.0", "its end")
    operator = open_operator(desk.settings)
    operator.pause("low")
    operator.close()
    jobs = [desk.enqueue("note", word, queue=queue) for word in ("one", "two")]
    desk.client.rpush(desk.keys.queue(queue), entry)
    set_aside(desk, entry, queue)
    worker.wait_for_log("Entry set aside")
    ids = [job.id for job in jobs]
    wait_until(lambda: [each.id for each in desk.pending(queue)] == ids, "the others to be there")


def test_the_walk_over_all_that_waits_sets_aside(desk: Desk) -> None:
    entry = nul()
    job = desk.enqueue("note", "one")
    desk.client.lpush("asok:queue", entry)
    connection = Endpoint(desk.settings.redis_url).connect()
    aside = Renewal(desk.keys, "w").step(connection).aside
    connection.close()
    assert [(each.queue, each.size) for each in aside] == [("default", len(entry))]
    set_aside(desk, entry)
    assert [each.id for each in desk.pending()] == [job.id]


def test_a_notice_that_is_too_large_is_dropped_and_hooks_are_called_for_the_next(
    desk: Desk, run_worker: RunWorker
) -> None:
    notices = desk.keys.notices("default")
    desk.client.zadd(notices, {b"0 0 " + b"x" * MOST_READ: 1.0})
    run_worker(ASOK_CRASH_LIMIT=1)
    desk.enqueue("die", module=HOOKED)
    desk.wait_for_lines(
        "default: die WorkerCrashed: the process died 1 times while running this job"
    )
    wait_until(lambda: not desk.client.exists(notices), "the notices to be done")


def test_bytes_that_json_writes_as_six_each_are_kept_in_a_shorter_form(
    desk: Desk, run_worker: RunWorker
) -> None:
    entry = bytes(3 * MEGABYTE)
    desk.client.lpush("asok:queue", entry)
    run_worker()
    wait_until(desk.dead, "the dead job")
    [raw] = desk.client.lrange(desk.keys.dead, 0, -1)
    assert len(raw) < 1.4 * len(entry)
    [dead] = desk.dead()
    assert (dead.trust, dead.envelope) == (Trust.MALFORMED, entry)
