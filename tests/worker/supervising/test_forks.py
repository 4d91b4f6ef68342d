"""Processes that tasks fork: they end where their task ends, and share nothing with the worker."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from asok_core.jobs.job import Job
from tests.fixtures.worker import Desk, RunThrough, RunWorker
from tests.programs import lives, wait_until

FORKING = "tests.worker.forking"
IGNORED_BY_PYTHON = (1 << (signal.SIGPIPE - 1)) | (1 << (signal.SIGXFSZ - 1))
"""As the masks of /proc show them: what every Python process ignores."""


def result(desk: Desk, job: Job) -> Any:
    return json.loads(desk.reaches(job, "completed").result or "null")


def forks(desk: Desk) -> list[int]:
    return [int(line.split()[1]) for line in desk.journal() if line.startswith("fork ")]


@pytest.mark.parametrize(
    ("way", "code", "words"),
    [
        ("return", 70, "in a job of tests.worker.forking.fork_and_wait and did not exit"),
        ("raise", 1, "ValueError: raised in the fork"),
        ("exit", 3, ""),
        ("exit with words", 1, "the words of the fork"),
    ],
)
def test_a_forked_process_ends_where_its_task_ends(
    desk: Desk, run_worker: RunWorker, way: str, code: int, words: str
) -> None:
    worker = run_worker()
    job = desk.enqueue("fork_and_wait", way, module=FORKING)
    assert result(desk, job) == code
    worker.wait_for_log(words)
    assert desk.counted("completed") == 1
    assert desk.counted("failed") == 0
    assert worker.stop() == 0


def test_a_coroutine_that_forks_keeps_its_loop(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    job = desk.enqueue("fork_and_wait_in_a_coroutine", "return", module=FORKING)
    assert result(desk, job) == 70 * 70
    worker.wait_for_log("and did not exit")


def test_a_hook_that_forks_runs_its_task_once(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    desk.reaches(desk.enqueue("fork_and_wait", "return", module=FORKING), "completed")
    desk.reaches(desk.enqueue("fork_in_a_hook", module=FORKING), "completed")
    assert Counter(line.split()[0] for line in desk.journal()) == {"fork": 1, "exit": 1, "task": 1}
    assert "exit code 70" in desk.journal()
    worker.wait_for_log("and did not exit", times=2)


def test_no_job_runs_in_a_forked_process(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    # Fast jobs first, so that many are claimed when one forks.
    jobs = [desk.job("note", f"{n}") for n in range(300)]
    jobs[150:150] = [desk.job("fork_and_continue", module=FORKING) for _ in range(3)]
    desk.producer.enqueue(jobs)
    for job in jobs:
        desk.reaches(job, "completed")
    wait_until(lambda: len(forks(desk)) == 3, "three forks")
    wait_until(lambda: not any(map(lives, forks(desk))), "the end of the forks")
    counts = Counter(line for line in desk.journal() if line.isdigit())
    assert counts == {f"{n}": 1 for n in range(300)}
    worker.wait_for_log("and did not exit", times=3)
    assert desk.counted("completed") == 303
    assert worker.stop() == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("task", ["use_pool", "use_executor"])
def test_pools_of_processes_work_and_end(
    desk: Desk, run_worker: RunWorker, method: str, task: str
) -> None:
    worker = run_worker()
    job = desk.enqueue(task, method, module=FORKING)
    assert result(desk, job) == [0, 1, 4, 9]
    assert "Traceback" not in worker.log
    assert worker.stop() == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_of_multiprocessing_can_be_terminated(
    desk: Desk, run_worker: RunWorker, method: str
) -> None:
    run_worker()
    assert result(desk, desk.enqueue("terminate_a_process", method, module=FORKING)) == -15


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_program_can_be_ended_by_any_signal(
    desk: Desk, run_worker: RunWorker, number: signal.Signals
) -> None:
    run_worker()
    assert result(desk, desk.enqueue("end_a_program_by", int(number), module=FORKING)) == -number


MASKED = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD})
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize(("how", "ignored"), [("execute", 0), ("fork", IGNORED_BY_PYTHON)])
def test_programs_find_default_dispositions_whatever_the_worker_inherited(
    desk: Desk, run_through: RunThrough, how: str, ignored: int
) -> None:
    worker = run_through((sys.executable, "-c", MASKED))
    masks = result(desk, desk.enqueue("dispositions", how, module=FORKING))
    # A fork is a Python process, which catches SIGINT.
    caught = 1 << (signal.SIGINT - 1) if how == "fork" else 0
    assert {name: int(mask, 16) & 0x7FFFFFFF for name, mask in masks.items()} == {
        "SigBlk": 0,
        "SigIgn": ignored,
        "SigCgt": caught,
    }
    assert worker.stop() == 0


def test_a_forked_process_that_lives_on_does_not_hide_that_its_worker_died(
    desk: Desk, run_worker: RunWorker
) -> None:
    killed = run_worker(ASOK_WORKER_LEASE="600s")
    job = desk.enqueue("leave_a_fork_and_hold", "job", module=FORKING)
    desk.wait_for_lines("begin job")
    desk.reaches(job, "running")
    process, (fork,) = killed.only_process(), forks(desk)
    try:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (killed.process.pid, process):
                os.kill(pid, number)
        killed.process.wait()
        assert lives(fork)
        other = run_worker(ASOK_WORKER_LEASE="600s")
        other.wait_for_log("of which no process is left")
        assert lives(fork)
        desk.release("job")
        desk.reaches(job, "completed")
    finally:
        for pid in forks(desk):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("asked", ["1", ""])
def test_a_fork_reports_it_on_standard_error_where_python_was_started_to_do_so(
    desk: Desk, run_worker: RunWorker, asked: str
) -> None:
    worker = run_worker(PYTHONFAULTHANDLER=asked)
    desk.enqueue("leave_a_fork_that_ends_by_fault", "word")
    worker.wait_for_log("killed by SIGKILL")
    assert ("Segmentation fault" in worker.log) == bool(asked)
