"""Processes and workers that die, or are as good as dead: nothing is lost, nothing counted twice."""

from __future__ import annotations

import os
import signal

import pytest

from asok_core.jobs.envelope import Trust, seal
from asok_core.worker.running.crash_isolation import MOST
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import environment, python, status, wait_until

SHORT = "3s"
"""A lease that a test can wait for. A loaded machine must still manage a heartbeat in this time."""


def test_jobs_of_a_killed_process_are_back_at_once_and_in_order(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.sadd("asok:paused", "default")
    jobs = [desk.enqueue("hold", f"job {n}") for n in range(2)]
    jobs += [desk.enqueue("note", f"{n}") for n in range(30)]
    desk.client.srem("asok:paused", "default")
    worker = run_worker("--concurrency", "2")
    desk.wait_for_lines("begin job 0", "begin job 1")
    os.kill(worker.only_process(), signal.SIGKILL)
    worker.wait_for_log("died (killed by SIGKILL)")
    desk.release("job 0")
    desk.wait_for_lines("29")
    desk.release("job 1")
    for job in jobs:
        desk.reaches(job, "completed")
    journal = desk.journal()
    assert journal.count("begin job 0") == journal.count("begin job 1") == 2
    assert journal.count("end job 0") == journal.count("end job 1") == 1
    assert [line for line in journal if line.isdigit()] == [f"{n}" for n in range(30)]
    assert desk.counted("completed") == 32
    assert (desk.counted("failed"), desk.counted("retried")) == (0, 0)
    assert desk.active() == []


def test_only_what_ran_is_charged_for_a_crash(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--concurrency", "2")
    desk.idle()
    running = [desk.enqueue("hold", word, retries=1) for word in ("one", "two")]
    waiting = [desk.enqueue("note", f"{n}") for n in range(10)]
    desk.wait_for_lines("begin one", "begin two")
    os.kill(worker.only_process(), signal.SIGKILL)
    wait_until(lambda: desk.client.exists("asok:suspects"), "a charge")
    charged = {key.rpartition(b":")[2].decode() for key in desk.client.keys("asok:crashes:*")}
    assert charged == {job.id for job in running}
    assert all(desk.client.ttl(f"asok:crashes:{job_id}") > 0 for job_id in charged)
    desk.release("one")
    desk.release("two")
    for job in running + waiting:
        assert desk.reaches(job, "completed").retry_count == 0
    # A job that came to its end is no longer dubious.
    assert not desk.client.keys("asok:crashes:*")


@pytest.mark.parametrize("task", ["die", "die_alone", "close_files"])
def test_a_job_that_kills_its_process_is_a_dead_job_after_three_times(
    desk: Desk, run_worker: RunWorker, task: str
) -> None:
    run_worker("--concurrency", "4")
    desk.idle()
    innocent = [desk.enqueue("hold", f"job {n}") for n in range(2)]
    desk.wait_for_lines("begin job 0", "begin job 1")
    poison = desk.enqueue(task, "poison", retries=5)
    desk.wait_for_lines("poison", "poison")
    # Whose next crash is the last runs alone, so that only the guilty has it: the order is theirs.
    desk.release("job 0")
    desk.release("job 1")
    record = desk.reaches(poison, "failed")
    assert desk.journal().count("poison") == 3
    (dead_job,) = desk.dead()
    assert dead_job.trust == Trust.SIGNED
    assert dead_job.envelope == seal(poison, KEYRING)
    assert dead_job.error == "WorkerCrashed: the process died 3 times while running this job"
    assert "the process died 3 times while running this job" in (record.error or "")
    for job in innocent:
        desk.reaches(job, "completed")
    assert (desk.counted("dead"), desk.counted("failed"), desk.counted("completed")) == (1, 1, 2)
    assert not desk.client.keys("asok:crashes:*")


def test_dubious_jobs_that_wait_for_each_other_hold_no_slot(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.set("asok:suspects", "1", ex=60)
    dubious = [desk.job("hold", f"dubious {n}") for n in range(8)]
    for job in dubious:
        desk.client.set(desk.keys.crashes(job.id), "2", ex=60)
    desk.producer.enqueue(dubious)
    short = [desk.enqueue("note", f"{n}") for n in range(20)]
    run_worker("--concurrency", "3")
    desk.wait_for_lines(*(f"{n}" for n in range(20)))
    for job in short:
        desk.reaches(job, "completed")
    assert len([line for line in desk.journal() if "dubious" in line]) <= 1
    for n in range(8):
        desk.release(f"dubious {n}")
    for job in dubious:
        desk.reaches(job, "completed")
    reported = [line for line in desk.journal() if "dubious" in line]
    assert [line.replace("begin", "end") for line in reported[::2]] == reported[1::2], (
        "one after the other"
    )
    assert len({*reported}) == 16
    assert not desk.client.keys("asok:crashes:*")


def test_more_dubious_jobs_than_may_wait_all_come_to_their_turn(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.set("asok:suspects", "1", ex=60)
    dubious = [desk.job("note", f"{n}") for n in range(MOST + 20)]
    for job in dubious:
        desk.client.set(desk.keys.crashes(job.id), "2", ex=60)
    desk.producer.enqueue(dubious)
    run_worker("--concurrency", "3")
    desk.wait_for_lines(*(f"{n}" for n in range(MOST + 20)))
    wait_until(lambda: desk.counted("completed") == MOST + 20, "every outcome")


def test_a_job_that_holds_the_interpreter_for_long_does_not_lose_the_lease(
    desk: Desk, run_worker: RunWorker
) -> None:
    # Longer than elsewhere here: on a busy machine too, the supervisor must send a heartbeat in time.
    run_worker("--concurrency", "2", ASOK_WORKER_LEASE="6s")
    desk.idle()
    other = run_worker(ASOK_WORKER_LEASE="6s")
    desk.idle(2)
    job = desk.enqueue("hold_the_interpreter", 9.0)
    desk.reaches(job, "completed")
    assert desk.journal() == ["begin", "end"]
    assert "Recovered" not in other.log
    assert desk.counted("completed") == 1


def test_a_worker_that_stood_still_for_longer_than_its_lease_is_taken_over_and_counts_nothing(
    desk: Desk, run_worker: RunWorker
) -> None:
    suspended = run_worker("--concurrency", "2", ASOK_WORKER_LEASE=SHORT)
    desk.idle()
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    suspended.signal(signal.SIGSTOP, to_all=True)
    other = run_worker("--concurrency", "2", ASOK_WORKER_LEASE=SHORT)
    other.wait_for_log("whose lease expired")
    desk.wait_for_lines(*["begin one", "begin two"] * 2)
    desk.release("one")
    desk.release("two")
    for job in jobs:
        desk.reaches(job, "completed")
    suspended.signal(signal.SIGCONT, to_all=True)
    desk.wait_for_lines(*["end one", "end two"] * 2)
    # It works on as if nothing had been, with a new lease.
    wait_until(lambda: desk.client.zcard("asok:workers") == 2, "two workers")
    other.stop()
    desk.enqueue("note", "later")
    desk.wait_for_lines("later")
    wait_until(lambda: desk.counted("completed") == 3, "three completed jobs")
    assert desk.client.lrange("asok:recent", 0, -1).count(jobs[0].id.encode()) == 1
    assert (desk.counted("failed"), desk.counted("dead")) == (0, 0)
    wait_until(lambda: not desk.active(), "no job to be claimed")
    assert desk.pending() == []
    # What its runs of the jobs did is recorded nowhere, but the log reports that there were such.
    suspended.wait_for_log("Outcome dropped", times=2)
    assert desk.counted("outcomes_dropped") == 2
    env = environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": desk.settings.redis_url,
            "SECRET_KEY": SECRET_KEY,
        }
    )
    (reported,) = status(env)["workers"]
    assert reported["outcomes_dropped"] == 2
    page = python("-m", "asok_console", "worker", "status", env=env)
    assert "2 outcomes dropped" in page


def test_a_worker_that_died_whole_is_recovered_by_another(
    desk: Desk, run_worker: RunWorker
) -> None:
    dying = run_worker("--concurrency", "2", "--processes", "2", ASOK_WORKER_LEASE=SHORT)
    desk.idle(2)
    jobs = [desk.enqueue("hold", f"job {n}", queue="low") for n in range(4)]
    desk.wait_for_lines(*(f"begin job {n}" for n in range(4)))
    for job in jobs:
        desk.reaches(job, "running")
    dying.kill()
    assert len(desk.active()) == 4
    other = run_worker("--concurrency", "4", ASOK_WORKER_LEASE=SHORT)
    other.wait_for_log("Recovered 4 jobs of worker")
    for n in range(4):
        desk.release(f"job {n}")
    for job in jobs:
        desk.reaches(job, "completed")
    assert desk.counted("completed", "low") == 4
    wait_until(lambda: desk.client.zcard("asok:workers") == 1, "the dead worker's lease given up")
    # What had been recorded as running is charged: it may be what killed the machine.
    assert "had crashed too often" not in other.log


def test_lists_that_no_lease_covers_are_found_and_returned(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.job("note", "found")
    desk.client.lpush("asok:active:gone-1-ab.1:default", seal(job, KEYRING))
    worker = run_worker(ASOK_WORKER_LEASE=SHORT)
    desk.wait_for_lines("found")
    worker.wait_for_log("which no lease covers")
    desk.reaches(job, "completed")


def test_a_job_past_its_hard_limit_alone_is_charged_for_the_end_of_its_process(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "3")
    desk.idle()
    innocent = desk.enqueue("hold", "innocent")
    desk.wait_for_lines("begin innocent")
    guilty = desk.enqueue("sleep_in_c", "guilty", hard_timeout=0.5, retries=1, backoff=0.1)
    record = desk.reaches(guilty, "failed")
    assert desk.journal().count("guilty") == 2
    assert record.retry_count == 1
    (dead_job,) = desk.dead()
    assert dead_job.error == "TimeoutError: it ran longer than its hard limit of 0.5 s"
    desk.release("innocent")
    desk.reaches(innocent, "completed")
    assert not desk.client.keys("asok:crashes:*")
    assert (desk.counted("retried"), desk.counted("dead"), desk.counted("completed")) == (1, 1, 1)
    worker.wait_for_log("ran past its hard limit", times=2)
