"""`hooks.failure` is called for every failure, also for those that are found where no hook can be."""

from __future__ import annotations

import json

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.jobs.envelope import seal
from asok_core.jobs.keyring import Keyring
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import wait_until

HOOKED = "tests.worker.hooked"
CRASHED = "default: die WorkerCrashed: the process died 2 times while running this job"


def test_a_hook_is_called_for_a_job_that_crashed_too_often(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--log-format", "json", ASOK_CRASH_LIMIT=2)
    job = desk.enqueue("die", module=HOOKED, request={"path": "/orders"})
    desk.wait_for_lines(f"{CRASHED} at /orders")
    record = desk.reaches(job, "failed")
    assert record.error_line == "WorkerCrashed: the process died 2 times while running this job"
    assert desk.dead()[0].error == record.error == record.error_line
    wait_until(lambda: not desk.client.exists("asok:notices:default"), "the notice to be done")
    (line,) = (each for each in map(json.loads, worker.log.splitlines()) if "job_id" in each)
    assert (line["level"], line["message"]) == ("error", "Job failed")
    assert (line["job_id"], line["task"], line["queue"]) == (job.id, job.task, "default")
    assert line["error"] == record.error_line
    assert desk.journal() == [f"{CRASHED} at /orders"]


@pytest.mark.parametrize("retries", [0, 1])
def test_a_hook_is_called_for_a_hard_limit(desk: Desk, run_worker: RunWorker, retries: int) -> None:
    worker = run_worker()
    # The retry must not begin before the record is read.
    job = desk.enqueue("sleep_forever", module=HOOKED, hard_timeout=1, retries=retries, backoff=600)
    again = ", again later" if retries else ""
    reported = "TimeoutError: it ran longer than its hard limit of 1 s"
    desk.wait_for_lines(f"default: sleep_forever {reported}{again}")
    worker.wait_for_log("Attempt failed" if retries else "Job failed")
    assert desk.record(job).error_line == reported


@pytest.mark.parametrize("imported", [True, False])
def test_a_hook_is_called_for_a_task_that_is_not_there(
    desk: Desk, run_worker: RunWorker, imported: bool
) -> None:
    run_worker()
    # A process that has found no task yet does not hold it against a job.
    proof = desk.enqueue("good", module=HOOKED) if imported else desk.enqueue("give")
    desk.reaches(proof, "completed")
    desk.enqueue("gone", module=HOOKED)
    desk.wait_for_lines(f"default: gone TaskNotFound: module {HOOKED!r} has no function 'gone'")


def test_a_hook_is_called_for_what_is_rejected_once_there_are_hooks(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    desk.reaches(desk.enqueue("give"), "completed")
    forged = desk.job("die", module=HOOKED)
    desk.client.lpush("asok:queue", seal(forged, Keyring(b"another key")))
    desk.client.lpush("asok:queue", b"nonsense")
    bare = json.loads(json.loads(seal(desk.job("note", "never"), KEYRING))["job"])
    desk.client.lpush("asok:queue", json.dumps(bare))
    wait_until(lambda: len(desk.dead()) == 3, "the dead jobs")
    assert desk.journal() == [], "nothing is imported because an unsigned job says so"
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")
    desk.wait_for_lines(
        "default: die BadSignature: the signature does not match SECRET_KEY; was the key changed?",
        "default: ? MalformedEnvelope: it is not JSON: Expecting value: line 1 column 1 (char 0)",
        "default: note UnsignedEnvelope: the job is not signed",
    )


def test_a_hook_is_called_again_where_its_process_died_in_it(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker(ASOK_CRASH_LIMIT=2)
    desk.enqueue("die", "die in the hook", module=HOOKED)
    desk.wait_for_lines(CRASHED)
    wait_until(lambda: not desk.client.exists("asok:notices:default"), "the notice to be done")
    assert (desk.folder / "died").exists()
    assert desk.journal() == [CRASHED]


@pytest.mark.parametrize("concurrency", ["1", "10"])
def test_a_hook_that_ends_its_process_costs_its_job_nothing(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker, concurrency: str
) -> None:
    options = {"ASOK_CRASH_LIMIT": 2, "ASOK_REDIS_URL": server.url}
    worker = run_worker("--concurrency", concurrency, **options)
    job = own_desk.enqueue("hold_and_fail", "die in the hook", module=HOOKED)
    own_desk.wait_for_lines("begin die in the hook")
    own_desk.reaches(job, "running")
    # No outcome can be settled: the hook would end the process before that.
    own_desk.client.client_pause(60_000, all=False)
    own_desk.release("die in the hook")
    own_desk.wait_for_lines("end die in the hook")
    own_desk.client.client_unpause()
    worker.wait_for_log("died (exit code 7)")
    record = own_desk.reaches(job, "failed")
    assert record.error_line == "ValueError: die in the hook"
    own_desk.reaches(own_desk.enqueue("good", module=HOOKED), "completed")
    # No other attempt was made, whose hook would have written a line.
    assert own_desk.journal() == ["begin die in the hook", "end die in the hook"]
    assert own_desk.counted("failed") == 1
    assert not own_desk.client.keys("asok:crashes:*")
    assert "Recovered" not in worker.log


def test_a_job_whose_after_hook_ends_its_process_each_time_completes(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_CRASH_LIMIT=3)
    job = desk.enqueue("say", "die in the after hook", module=HOOKED)
    desk.reaches(job, "completed")
    worker.wait_for_log("died (exit code 7)", times=len(desk.journal()))
    assert 1 <= len(desk.journal()) <= 3
    assert desk.dead() == []


def test_a_notice_waits_for_a_worker_of_its_queue(desk: Desk, run_worker: RunWorker) -> None:
    other = run_worker("--queues", "other")
    desk.reaches(desk.enqueue("good", module=HOOKED, queue="other"), "completed")
    worker = run_worker("--queues", "low", "--max-jobs", "2")
    desk.reaches(desk.enqueue("give", queue="low"), "completed")
    desk.client.lpush("asok:queue:low", seal(desk.job("die", queue="low"), Keyring(b"another")))
    wait_until(desk.dead, "the dead job")
    desk.reaches(desk.enqueue("good", module=HOOKED, queue="other"), "completed")
    worker.stop()
    assert other.stop() == 0
    assert desk.journal() == []
    assert 0 < desk.client.ttl("asok:notices:low") <= 86_400
    run_worker("--queues", "low")
    desk.enqueue("good", module=HOOKED, queue="low")
    desk.wait_for_lines(
        "low: die BadSignature: the signature does not match SECRET_KEY; was the key changed?"
    )


def test_an_unsigned_notice_is_believed_in_no_other_way(desk: Desk, run_worker: RunWorker) -> None:
    dead_job = {"v": 1, "job": "{}", "sig": "00", "error": "WorkerCrashed: made up"}
    job = json.dumps({"id": "x", "module": "os", "function": "remove", "args": [], "kwargs": {}})
    for text in (json.dumps(dead_job), json.dumps(dead_job | {"job": job}), "{"):
        desk.client.zadd("asok:notices:default", {f"0 0 {text}": 0})
    desk.client.zadd("asok:notices:default", {"not a notice": 0, "3 0 {}": 0})
    desk.client.expire("asok:notices:default", 600)
    worker = run_worker()
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")
    wait_until(lambda: len(desk.journal()) == 3, "three calls")
    assert not any("WorkerCrashed" in line for line in desk.journal())
    worker.wait_for_log("Failure hooks given up")
    wait_until(lambda: not desk.client.exists("asok:notices:default"), "all of them to be done")


def test_a_notice_is_taken_though_the_clock_of_redis_was_set_back(
    desk: Desk, run_worker: RunWorker
) -> None:
    """It was written, or taken by a process that died, before that: at a time that is to come."""
    to_come = float(desk.client.time()[0]) + 3600
    desk.client.zadd("asok:notices:default", {"0 0 {": to_come, "1 0 []": to_come + 1})
    desk.client.expire("asok:notices:default", 7200)
    run_worker()
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")
    wait_until(lambda: len(desk.journal()) == 2, "both calls")
    wait_until(lambda: not desk.client.exists("asok:notices:default"), "both of them to be done")


@pytest.mark.keeps_keys("asok:notices:default")
def test_a_key_of_another_type_costs_the_notice_and_no_job(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.set("asok:notices:default", "spoiled")
    run_worker(ASOK_CRASH_LIMIT=2)
    job = desk.enqueue("die", module=HOOKED)
    desk.reaches(job, "failed")
    desk.reaches(desk.enqueue("good", module=HOOKED), "completed")


def test_hooks_are_given_the_arguments_that_were_passed(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--log-arguments")
    for fail in (True, False):
        desk.enqueue("change", [1], kwargs={"again": {"a": 1}, "fail": fail}, module=HOOKED)
    sent = "([1],) {'again': {'a': 1}, 'fail': %s}"
    desk.wait_for_lines(
        "default: change ValueError: [1, 2] {'a': 1, 'b': 2}, called with " + sent % True,
        f"after: {sent % False} [1, 2]",
    )
    worker.wait_for_log("Job failed")
    line = next(each for each in worker.log.splitlines() if "Job failed" in each)
    assert line.endswith("arguments=(([1],), {'again': {'a': 1}, 'fail': True})")
