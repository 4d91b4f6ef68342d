"""What a worker does on each signal, sent to its supervisor or to one of its processes."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.fixtures.worker import Desk, RunThrough, RunWorker, Worker
from tests.programs import environment, lives, status, wait_until


def charges(desk: Desk) -> list[bytes]:
    return list(desk.client.scan_iter(match="asok:crashes:*"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_lets_running_jobs_finish(
    desk: Desk, run_worker: RunWorker, number: signal.Signals
) -> None:
    env = environment({"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": desk.settings.redis_url})
    job = desk.enqueue("hold", "job")
    worker = run_worker(ASOK_WORKER_LEASE="3s")
    desk.wait_for_lines("begin job")
    worker.signal(number)
    worker.wait_for_log(f"({number.name})")
    wait_until(
        lambda: [each["state"] for each in status(env)["workers"]] == ["stopping"],
        "a worker shown as stopping",
    )
    desk.release("job")
    assert worker.ends() == 0
    assert desk.record(job).status == "completed"
    assert not desk.client.exists("asok:workers")


def test_a_terminal_that_is_closed_sends_sighup_more_than_once(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("hold", "job")
    worker = run_worker()
    desk.wait_for_lines("begin job")
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        worker.signal(number)
        worker.wait_for_log("stops within 30 s")
    desk.release("job")
    assert worker.ends() == 0
    assert desk.record(job).status == "completed"


def test_nohup_is_respected(desk: Desk, run_through: RunThrough) -> None:
    worker = run_through(("nohup",))
    desk.idle()
    worker.signal(signal.SIGHUP)
    desk.reaches(desk.enqueue("note", "job"), "completed")
    assert worker.stop() == 0


@pytest.mark.parametrize("task", ["hold", "sleep_in_c", "hold_the_interpreter"])
def test_sigquit_stops_at_once_and_in_order(desk: Desk, run_worker: RunWorker, task: str) -> None:
    argument = 600.0 if task == "hold_the_interpreter" else "begin"
    running = desk.enqueue(task, argument)
    waiting = [desk.enqueue("note", "next") for _ in range(3)]
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="600s")
    wait_until(desk.journal, "a job")
    process = worker.only_process()
    worker.signal(signal.SIGQUIT)
    assert worker.ends() == 0
    assert not lives(process)
    assert [each.id for each in desk.pending()] == [each.id for each in (running, *waiting)]
    assert desk.record(running).status == "pending"
    assert desk.active() == charges(desk) == []
    assert not desk.client.exists("asok:workers")
    worker.wait_for_log("stops at once (SIGQUIT)")


@pytest.mark.parametrize("form", ["text", "json"])
def test_sigusr1_logs_the_stacks_of_all_threads_also_of_one_that_holds_the_interpreter(
    desk: Desk, run_worker: RunWorker, form: str
) -> None:
    worker = run_worker("--concurrency", "3", "--processes", "2", "--log-format", form)
    desk.idle(2)
    jobs = [desk.enqueue("hold", "one"), desk.enqueue("hold_the_interpreter", 5.0)]
    desk.wait_for_lines("begin one", "begin")
    worker.signal(signal.SIGUSR1)
    worker.wait_for_log("Stacks of process", times=2)
    for words in ("Stack of the supervisor", "supervisor.py", "in hold_the_interpreter", "in hold"):
        worker.wait_for_log(words)
    assert f"which runs job {jobs[1].id} for" in worker.log
    if form == "json":
        stacks = [json.loads(line).get("traceback", "") for line in worker.log.splitlines()]
        assert sum("Thread 0x" in each for each in stacks) == 2
    desk.release("one")
    for job in jobs:
        desk.reaches(job, "completed")
    assert "died" not in worker.log
    assert worker.stop() == 0


def test_stacks_are_read_without_a_signal_while_python_code_runs(
    desk: Desk, run_worker: RunWorker
) -> None:
    """The handler of the signal reads frames that run, which ended processes when it was measured."""
    worker = run_worker()
    job = desk.enqueue("hold_without_handler", "one")
    desk.wait_for_lines("begin one")
    worker.signal(signal.SIGUSR1)
    worker.wait_for_log("Stacks of process")
    worker.wait_for_log("in hold_without_handler")
    desk.release("one")
    desk.reaches(job, "completed")
    assert worker.stop() == 0


def test_a_process_that_is_sent_sigusr1_continues_and_its_supervisor_logs_its_stacks(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    desk.idle()
    for times in (1, 2):
        os.kill(worker.only_process(), signal.SIGUSR1)
        worker.wait_for_log("Stacks of process", times=times)
    assert "Stack of the supervisor" not in worker.log
    desk.reaches(desk.enqueue("note", "job"), "completed")
    assert worker.stop() == 0


def test_signals_while_the_processes_start_end_none_of_them(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    process = worker.only_process()
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        worker.signal(number)
        os.kill(process, number)
    worker.wait_for_log("Stacks of process")
    desk.reaches(desk.enqueue("pid"), "completed")
    assert desk.journal() == [str(process)]
    assert worker.stop() == 0


def test_sigusr2_changes_nothing_and_is_logged(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    desk.idle()
    worker.signal(signal.SIGUSR2, to_all=True)
    worker.wait_for_log("Ignored SIGUSR2")
    desk.reaches(desk.enqueue("note", "job"), "completed")
    assert worker.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_is_to_end_finishes_its_job_and_is_replaced(
    desk: Desk, run_worker: RunWorker, number: signal.Signals
) -> None:
    worker = run_worker()
    job = desk.enqueue("hold", "job")
    desk.wait_for_lines("begin job")
    process = worker.only_process()
    os.kill(process, number)
    desk.enqueue("pid")
    desk.release("job")
    desk.reaches(job, "completed")
    _replaced(desk, worker, process)


def test_a_process_that_is_to_quit_returns_its_job_uncharged_and_is_replaced(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = desk.enqueue("hold", "job")
    desk.wait_for_lines("begin job")
    process = worker.only_process()
    os.kill(process, signal.SIGQUIT)
    desk.wait_for_lines("begin job", "begin job")
    worker.wait_for_log("Returned 1 jobs that still ran: tests.worker.jobs.hold")
    desk.release("job")
    desk.reaches(job, "completed")
    assert charges(desk) == []
    desk.enqueue("pid")
    _replaced(desk, worker, process)


def _replaced(desk: Desk, worker: Worker, process: int) -> None:
    wait_until(lambda: desk.journal()[-1].isdecimal(), "a job of the next process")  # noqa: PLW0108
    assert desk.journal()[-1] != str(process)
    assert not lives(process)
    assert "died" not in worker.log
    assert worker.stop() == 0
