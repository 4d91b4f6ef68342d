"""A worker whose processes die or cannot run jobs says so, wherever its state is shown."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asok_console.tui.data.alerts import alerts
from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.inspector import open_reader
from asok_core.worker.supervising.systemd import ALIVE, READY
from tests.fixtures.worker import Desk, RunThrough, RunWorker
from tests.programs import PATIENCE, ROOT, wait_until

WRONG = "a key that nobody else has"
DIES_AT_START = """\
import os, sys
if any(each.endswith(("start.py", "worker.process")) for each in sys.orig_argv):
    if not os.path.exists(os.path.join(os.environ["ASOK_TEST_FOLDER"], "repaired")):
        os._exit(9)
"""
"""A ``sitecustomize.py`` that no process of a worker survives, until a file is there."""


def worker_of(desk: Desk) -> WorkerInfo:
    """The only worker; one of which nothing is known before its first heartbeat."""
    with closing(open_reader(desk.settings)) as reader:
        workers = reader.snapshot().workers
    return workers[0] if workers else WorkerInfo("")


def has_state(status: Any, state: str) -> bool:
    workers = json.loads(status("--json")[1])["workers"]
    return [each["state"] for each in workers] == [state]


def received(notifications: socket.socket) -> list[str]:
    """What has come so far; waits for nothing."""
    notifications.settimeout(0.01)
    words = []
    try:
        while True:
            words.append(notifications.recv(4096).decode())
    except TimeoutError:
        return words
    finally:
        notifications.settimeout(PATIENCE)


def test_a_worker_of_which_no_process_lives_is_not_ready_and_not_counted(
    desk: Desk, run_through: RunThrough, notifications: socket.socket, tmp_path: Path, status: Any
) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(DIES_AT_START)
    job = desk.enqueue("note", "at last")
    path = os.pathsep.join((str(tmp_path / "path"), str(ROOT)))
    worker = run_through(["env", f"PYTHONPATH={path}"])
    worker.wait_for_log("died (exit code 9)", times=3)
    wait_until(lambda: has_state(status, "crash-looping"), "the state")
    code, page, words = status("--require-workers", "1")
    assert code == 1
    assert "workers that run jobs: 0, at least 1 required" in words
    assert "deaths in" in words
    line = next(each for each in page.splitlines() if "crash-looping (" in each)
    assert line.strip().endswith("s: exit code 9)")
    (row,) = (each for each in page.splitlines() if "crash-looping" in each and each != line)
    assert "  –  crash-looping" in row
    with closing(open_reader(desk.settings)) as reader:
        snapshot = reader.snapshot()
    (info,) = snapshot.workers
    assert (info.able, info.rss, info.death) == (0, None, "exit code 9")
    assert info.deaths >= 3
    assert info.trouble in alerts(snapshot, 1000)[0].line
    assert "no worker claims jobs of default (1)" in [each.line for each in alerts(snapshot, 1000)]
    assert {queue.name: queue.consumers for queue in snapshot.queues}["default"] == 0
    assert set(received(notifications)) == {ALIVE}
    desk.release("repaired")
    desk.reaches(job, "completed")
    wait_until(lambda: READY in received(notifications), "READY")
    wait_until(lambda: status("--require-workers", "1")[0] == 0, "a worker that counts")


@pytest.mark.parametrize("code", [0, 75])
def test_processes_that_tasks_end_with_an_exit_code_of_ours_are_crash_looping(
    desk: Desk, run_worker: RunWorker, status: Any, code: int
) -> None:
    desk.enqueue("end_process", code)
    desk.enqueue("end_process", code)
    worker = run_worker()
    worker.wait_for_log(f"died (exit code {code})", times=3)
    wait_until(lambda: has_state(status, "crash-looping"), "the state")
    assert worker_of(desk).death == f"exit code {code}"
    assert status("--require-workers", "1")[0] == 1


def test_how_many_processes_run_jobs_comes_before_a_long_reason() -> None:
    some = WorkerInfo("w", processes=2, able=1)
    refusing = replace(some, refusal="no files " * 30)
    assert refusing.trouble.startswith("not claiming (1 of 2 processes run jobs): no files")
    dying = replace(some, deaths=3, deaths_seconds=2.0, death="exit code 1")
    assert dying.trouble == (
        "crash-looping (1 of 2 processes run jobs; 3 deaths in 2 s: exit code 1)"
    )


def test_why_a_process_cannot_start_is_part_of_the_heartbeat(
    desk: Desk, run_through: RunThrough, tmp_path: Path
) -> None:
    (tmp_path / "path").mkdir()
    # Of what a process imports before the application, this alone the supervisor does not need.
    (tmp_path / "path" / "dotenv.py").write_text("raise ImportError('half of\\nan upgrade')\n")
    path = os.pathsep.join((str(tmp_path / "path"), str(ROOT)))
    run_through(["env", f"PYTHONPATH={path}"])
    wait_until(lambda: worker_of(desk).deaths >= 3, "three deaths")
    assert worker_of(desk).death == "ImportError: half of an upgrade"
    assert worker_of(desk).condition == "crash-looping"


def test_a_worker_that_does_not_claim_says_why_and_does_not_count(
    desk: Desk, run_worker: RunWorker, status: Any
) -> None:
    jobs = [desk.enqueue("note", f"{n}") for n in range(20)]
    run_worker(SECRET_KEY=WRONG)
    wait_until(lambda: has_state(status, "not claiming"), "the state")
    reason = "not claiming: SECRET_KEY does not fit the signatures of the last"
    code, page, words = status("--require-workers", "1")
    assert code == 1
    assert reason in words
    assert reason in page
    with closing(open_reader(desk.settings)) as reader:
        snapshot = reader.snapshot()
    assert snapshot.workers[0].able == 0
    assert snapshot.workers[0].refusal.startswith("SECRET_KEY does not fit")
    assert reason in alerts(snapshot, 1000)[0].line
    run_worker()
    for job in jobs:
        desk.reaches(job, "completed")
    assert status("--require-workers", "1")[0] == 0
    assert status("--require-workers", "2")[0] == 1


def test_processes_that_end_after_few_jobs_still_find_out_that_they_cannot_run_any(
    desk: Desk, run_worker: RunWorker, status: Any
) -> None:
    """Jobs that were postponed do not count for ``--max-jobs``."""
    for n in range(20):
        desk.enqueue("note", f"{n}")
    worker = run_worker("--max-jobs", "1", SECRET_KEY=WRONG)
    pid = worker.first_process()
    wait_until(lambda: has_state(status, "not claiming"), "the state")
    assert worker.first_process() == pid
    assert status("--require-workers", "1")[0] == 1


def test_a_worker_that_resumes_says_so(
    desk: Desk, run_worker: RunWorker, tmp_path: Path, status: Any
) -> None:
    (tmp_path / "app").mkdir()
    jobs = [desk.enqueue("note", f"{n}", module="shop") for n in range(20)]
    run_worker(cwd=tmp_path / "app")
    wait_until(lambda: has_state(status, "not claiming"), "the state")
    (tmp_path / "app" / "shop.py").write_text("from tests.worker.jobs import note\n")
    wait_until(lambda: has_state(status, "ok"), "the end of that")
    for job in jobs:
        desk.reaches(job, "completed")


@pytest.mark.parametrize("fault", ["wrong key", "crash loop"])
def test_a_worker_that_is_set_to_exit_does_so_when_no_process_can_run_jobs(
    desk: Desk, run_worker: RunWorker, run_through: RunThrough, tmp_path: Path, fault: str
) -> None:
    jobs = [desk.enqueue("note", f"{n}") for n in range(20)]
    if fault == "wrong key":
        worker = run_worker("--processes", "2", SECRET_KEY=WRONG, ASOK_WORKER_EXIT_WHEN_UNABLE=1)
    else:
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "sitecustomize.py").write_text(DIES_AT_START)
        path = os.pathsep.join((str(tmp_path / "path"), str(ROOT)))
        worker = run_through(["env", f"PYTHONPATH={path}", "ASOK_WORKER_EXIT_WHEN_UNABLE=1"])
    assert worker.ends() == 4
    assert "no process can run jobs" in worker.log
    assert desk.active() == []
    assert desk.dead() == []
    assert len(desk.pending()) + len(desk.delayed()) == len(jobs)
    assert not desk.client.exists("asok:workers")


def test_without_that_setting_it_stays(desk: Desk, run_worker: RunWorker, status: Any) -> None:
    for n in range(10):
        desk.enqueue("note", f"{n}")
    worker = run_worker(SECRET_KEY=WRONG)
    wait_until(lambda: has_state(status, "not claiming"), "the state")
    assert worker.process.poll() is None
    assert worker.stop() == 0
