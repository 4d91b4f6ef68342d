"""A worker on a release of redis-py that hides the socket of a connection polls, and does the same."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.worker import Desk, RunWorker
from tests.programs import ROOT

SITECUSTOMIZE = """
import sys
sys.path.append({root!r})
from asok_core import compat
compat.socket_of = lambda connection: None
"""


def test_jobs_run_and_commands_arrive(desk: Desk, run_worker: RunWorker, tmp_path: Path) -> None:
    # Python imports this module at the start of every process of the worker.
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(root=str(ROOT)))
    worker = run_worker("--processes", "1", PYTHONPATH=folder)
    worker.wait_for_log("Connections have no file to wait on")
    jobs = [desk.enqueue("give", n) for n in range(20)]
    assert [desk.reaches(job, "completed").result for job in jobs] == [str(n) for n in range(20)]
    held = desk.enqueue("hold", "go")
    desk.reaches(held, "running")
    desk.release("go")
    desk.reaches(held, "completed")
    assert worker.stop() == 0
