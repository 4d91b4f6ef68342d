"""A supervisor that is the init process of a container reaps what others leave to it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.fixtures.worker import Desk, RunThrough, Worker
from tests.programs import wait_until

AS_SUBREAPER = """
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Orphans fall to it as they fall to a process 1, and it needs no right to make a namespace."""


def zombies(worker: Worker) -> list[int]:
    return [pid for pid in worker.processes() if _state(pid) == "Z"]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_orphans_are_reaped_and_exit_codes_of_processes_are_not_lost(
    desk: Desk, run_through: RunThrough
) -> None:
    worker = run_through((sys.executable, "-c", AS_SUBREAPER))
    desk.idle()
    for _ in range(3):
        (process,) = worker.processes()
        jobs = [desk.enqueue("leave_an_orphan", n, module="tests.worker.forking") for n in range(9)]
        for job in jobs:
            desk.reaches(job, "completed")
        orphans = [int(line.split()[1]) for line in desk.journal() if line.startswith("orphan")]
        wait_until(lambda: not any(map(_state, orphans)), "the orphans gone")  # noqa: B023
        os.kill(process, signal.SIGKILL)
        wait_until(
            lambda: worker.processes() not in ([], [process]) and not zombies(worker),  # noqa: B023
            "another process",
        )
    worker.wait_for_log("died (killed by SIGKILL)", times=3)
    assert len(orphans) == 27
    desk.reaches(desk.enqueue("note", "job"), "completed")
    assert worker.stop() == 0
