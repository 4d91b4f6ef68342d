"""How a worker ends: on a signal, on a second one, at its deadline, and when its time has come."""

from __future__ import annotations

import os
import select
import signal
import time

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.jobs.envelope import seal
from tests.chaos.proxy import Proxy
from tests.fixtures.worker import KEYRING, Desk, RunWorker
from tests.programs import PATIENCE, lives, wait_until


@pytest.mark.parametrize("to_all", [False, True], ids=["to the supervisor", "to every process"])
def test_sigterm_finishes_what_runs_and_returns_the_rest_in_order(
    desk: Desk, run_worker: RunWorker, to_all: bool
) -> None:
    desk.producer.enqueue([desk.job("note", "fast") for _ in range(200)])
    slow = desk.enqueue("hold", "slow")
    backlog = [desk.job("note", str(number)) for number in range(50)]
    desk.producer.enqueue(backlog)
    worker = run_worker()
    desk.wait_for_lines("begin slow")
    worker.signal(signal.SIGTERM, to_all=to_all)
    # A heartbeat reports it after the process was ordered to claim no more.
    (key,) = desk.client.scan_iter(match="asok:worker:*")
    wait_until(lambda: desk.client.hget(key, "stopping") == b"1", "the stop")
    desk.enqueue("note", "late")
    wait_until(lambda: len(desk.active()) == 1, "the backlog returned")
    desk.release("slow")
    assert worker.ends() == 0
    assert desk.journal()[-2:] == ["begin slow", "end slow"]
    assert desk.record(slow).status == "completed"
    assert [each.id for each in desk.pending()][:50] == [job.id for job in backlog]
    assert len(desk.pending()) == 51
    assert desk.active() == []
    assert not desk.client.exists("asok:workers")
    assert {desk.record(job).status for job in backlog} == {"pending"}
    assert "has stopped" in worker.log


def test_at_the_deadline_what_still_runs_is_returned_and_not_charged(
    desk: Desk, run_worker: RunWorker
) -> None:
    jobs = [desk.enqueue("hold", word, retries=1) for word in ("one", "two")]
    worker = run_worker("--concurrency", "2", ASOK_WORKER_SHUTDOWN_TIMEOUT="500ms")
    desk.wait_for_lines("begin one", "begin two")
    assert worker.stop() == 0
    assert [each.raw for each in desk.pending()] == [seal(job, KEYRING) for job in jobs]
    assert {desk.record(job).status for job in jobs} == {"pending"}
    assert desk.record(jobs[0]).retry_count == 0
    assert desk.record(jobs[0]).interruptions == 1
    assert desk.active() == []
    assert not list(desk.client.scan_iter(match="asok:crashes:*"))
    assert "Returned 2 jobs that still ran after 0.5 s" in worker.log
    run_worker("--concurrency", "2")
    desk.release("one")
    desk.release("two")
    for job in jobs:
        desk.reaches(job, "completed")
    assert desk.counted("completed") == 2


def test_a_second_signal_leaves_at_once(desk: Desk, run_worker: RunWorker) -> None:
    jobs = [desk.enqueue("hold", "stuck"), *(desk.enqueue("note", "next") for _ in range(3))]
    worker = run_worker()
    desk.wait_for_lines("begin stuck")
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("(SIGTERM)")
    assert worker.process.poll() is None
    worker.signal(signal.SIGINT)
    assert worker.ends() == 0
    assert [each.id for each in desk.pending()] == [job.id for job in jobs]
    assert desk.active() == []
    assert not list(desk.client.scan_iter(match="asok:crashes:*"))


def test_a_worker_that_could_not_return_its_jobs_says_so_as_it_stops(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "stuck")
    worker = run_worker()
    desk.wait_for_lines("begin stuck")
    desk.client.delete("asok:queue")
    desk.client.set("asok:queue", "no list", ex=3600)
    worker.signal(signal.SIGQUIT)
    assert worker.ends() == 0
    assert "could not give up its lease" in worker.log
    assert "has stopped\n" not in worker.log
    (name,) = desk.client.zrange("asok:workers", 0, -1)
    assert desk.client.hget(f"asok:worker:{name.decode()}", "stopping") == b"1"
    assert desk.active() == [seal(job, KEYRING)]


def test_a_late_claim_of_a_process_is_returned_before_the_worker_has_stopped(
    desk: Desk, run_worker: RunWorker
) -> None:
    """Redis serves it when the job of the process is returned. It has no name to be ended by."""
    job = desk.enqueue("hold", "stuck")
    worker = run_worker()
    desk.wait_for_lines("begin stuck")
    (active,) = desk.client.scan_iter(match="asok:active:*")
    late = desk.client.connection_pool.get_connection()
    late.send_command("BLMOVE", "asok:queue", active, "RIGHT", "LEFT", 0)
    wait_until(
        lambda: any(
            each["cmd"] == "blmove" and each["name"] == "" and "b" in each["flags"]
            for each in desk.client.client_list()
        ),
        "the blocked claim",
    )
    worker.signal(signal.SIGQUIT)
    assert worker.ends() == 0
    assert late.read_response() == seal(job, KEYRING)
    late.disconnect()
    assert [each.id for each in desk.pending()] == [job.id]
    assert desk.active() == []
    assert not desk.client.exists("asok:workers")
    assert "has stopped" in worker.log


def test_a_worker_that_waits_for_redis_can_be_stopped(run_worker: RunWorker) -> None:
    worker = run_worker("--url", "redis://:hush@127.0.0.1:1/0")
    worker.wait_for_log("waiting for it")
    assert worker.stop() == 0
    assert worker.log.count("cannot reach Redis") == 1
    assert "hush" not in worker.log


def test_ctrl_c_stops_as_sigterm_does(desk: Desk, run_worker: RunWorker) -> None:
    desk.enqueue("hold", "job")
    worker = run_worker()
    desk.wait_for_lines("begin job")
    worker.signal(signal.SIGINT, to_all=True)
    desk.release("job")
    assert worker.ends() == 0
    assert desk.journal() == ["begin job", "end job"]
    assert "Traceback" not in worker.log


def test_when_the_supervisor_is_killed_its_processes_return_what_they_hold(
    desk: Desk, run_worker: RunWorker
) -> None:
    running = desk.enqueue("hold", "job")
    worker = run_worker(ASOK_WORKER_LEASE="30s")
    desk.wait_for_lines("begin job")
    pid = worker.only_process()
    worker.process.kill()
    worker.process.wait()
    desk.enqueue("note", "next")
    desk.release("job")
    desk.reaches(running, "completed")
    wait_until(lambda: not lives(pid), "the end of the process")
    assert [each.job.args for each in desk.pending() if each.job] == [("next",)]
    assert desk.active() == []
    run_worker()
    desk.wait_for_lines("next")
    wait_until(lambda: desk.client.zcard("asok:workers") == 1, "the dead worker's lease given up")


def end_of(process: int) -> float:
    """Wait for the end of a process, by its pidfd; when it was noticed, which is at once."""
    ready, _, _ = select.select([process], [], [], PATIENCE)
    noticed = time.monotonic()
    os.close(process)
    assert ready, f"the process did not end within {PATIENCE} s"
    return noticed


@pytest.mark.parametrize("reachable", [True, False])
def test_a_process_without_supervisor_is_gone_before_its_lease_ends(
    desk: Desk, run_worker: RunWorker, redis_server: EmbeddedRedis, reachable: bool
) -> None:
    """Others run its jobs from then on."""
    with Proxy(redis_server.folder / "orphan.sock", redis_server.socket) as proxy:
        worker = run_worker(
            ASOK_WORKER_LEASE="10s",
            ASOK_WORKER_SHUTDOWN_TIMEOUT="600s",
            ASOK_REDIS_URL=proxy.url,
        )
        job = desk.hold("job")
        pid = worker.only_process()
        process = os.pidfd_open(pid)
        if not reachable:
            proxy.hold()
        worker.process.kill()
        worker.process.wait()
        (lease,) = (
            score for _, score in desk.client.zrange("asok:workers", 0, -1, withscores=True)
        )
        seconds, micros = desk.client.time()
        left = lease / 1000 - seconds - micros / 1e6
        lease_ends = time.monotonic() + left
        assert end_of(process) < lease_ends
        if reachable:
            assert [payload.id for payload in desk.pending()] == [job.id]
            worker.wait_for_log("as the supervisor has ended and the lease ends")
        else:
            assert len(desk.active()) == 1
    assert desk.journal() == ["begin job"]
    assert not desk.client.keys("asok:crashes:*")


def test_a_process_is_replaced_after_max_jobs_and_no_job_is_cut_short(
    desk: Desk, run_worker: RunWorker
) -> None:
    # Two that run on while the third makes the number full, longer than a stop would wait.
    long = [desk.enqueue("hold", f"long {n}") for n in (1, 2)]
    worker = run_worker(
        "--concurrency", "3", "--max-jobs", "10", ASOK_WORKER_SHUTDOWN_TIMEOUT="100ms"
    )
    desk.wait_for_lines("begin long 1", "begin long 2")
    first = worker.first_process()
    jobs = [desk.enqueue("pid") for _ in range(25)]
    wait_until(lambda: len(desk.journal()) >= 10, "eight jobs of the first process")
    over = time.monotonic() + 0.5
    wait_until(lambda: time.monotonic() > over, "the time after which a stop would end its jobs")
    desk.release("long 1")
    desk.release("long 2")
    for job in [*long, *jobs]:
        desk.reaches(job, "completed")
    pids = [line for line in desk.journal() if line.isdigit()]
    assert len(pids) == 25
    assert pids.count(str(first)) == 8
    assert max(pids.count(pid) for pid in set(pids)) <= 10
    assert desk.journal().count("begin long 1") == 1
    assert "died" not in worker.log
    assert worker.stop() == 0


def test_a_process_that_grew_beyond_max_memory_is_replaced(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--max-memory", "120MiB", ASOK_WORKER_LEASE="2s")
    desk.enqueue("grow", 150)
    desk.enqueue("hold", "job")
    desk.wait_for_lines("begin job")
    worker.wait_for_log("has grown to")
    desk.release("job")
    desk.wait_for_lines("end job")
    first = desk.journal()[0]
    wait_until(lambda: worker.processes() and str(worker.processes()[0]) != first, "a new process")
    desk.enqueue("pid")
    wait_until(lambda: len(desk.journal()) == 4, "a job of the new process")
    assert desk.journal()[3] != first
    assert worker.log.count("has grown to") == 1
    assert desk.journal().count("begin job") == 1
