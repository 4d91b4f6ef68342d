"""Modules that each process imports before it claims jobs, and the folder of the application."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.inspector import open_reader
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

SETUP = """\
import os

def write(line):
    with open(os.environ["ASOK_TEST_FOLDER"] + "/journal", "a") as journal:
        journal.write(f"{line}\\n")

write(f"setup {os.getpid()}")
READY = True
"""
TASKS = """\
import os
import sys

from shop import setup
from tests.worker.jobs import hold

def is_set_up():
    return [setup.READY, "framework_setup" in sys.modules]

def hold_here(word):
    setup.write(f"held {os.getpid()}")
    hold(word)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A package in a src layout: its folder."""
    folder = tmp_path / "project" / "src" / "shop"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "setup.py").write_text(SETUP)
    (folder / "tasks.py").write_text(TASKS)
    (folder.parent / "framework_setup.py").write_text("import shop.setup\n")
    # The folder of the application comes before the working directory.
    (tmp_path / "project" / "framework_setup.py").write_text("raise RuntimeError('the wrong one')")
    return folder


def worker_of(desk: Desk) -> WorkerInfo:
    with closing(open_reader(desk.settings)) as reader:
        workers = reader.snapshot().workers
    return workers[0] if workers else WorkerInfo("")


def test_each_process_imports_them_and_a_later_failure_leaves_the_others_at_work(
    desk: Desk, run_worker: RunWorker, shop: Path
) -> None:
    job = desk.enqueue("is_set_up", module="shop.tasks")
    options = ("--app", "src", "--import", "framework_setup", "--import", "shop.tasks")
    worker = run_worker(*options, "-p", "2", cwd=shop.parents[1])
    assert desk.reaches(job, "completed").result == "[true, true]"
    wait_until(lambda: len(desk.journal()) == 2, "the imports")
    wait_until(lambda: worker_of(desk).able == 2, "both processes")
    # The supervisor has imported nothing.
    assert {int(line.split()[1]) for line in desk.journal()} == set(worker.processes())
    held = desk.enqueue("hold_here", "word", module="shop.tasks")
    desk.wait_for_lines("begin word")
    (runs,) = (int(line.split()[1]) for line in desk.journal() if line.startswith("held"))
    (shop / "setup.py").write_text("raise ImportError('half of a deployment')")
    (other,) = set(worker.processes()) - {runs}
    os.kill(other, signal.SIGKILL)
    worker.wait_for_log("trying again in 2 s")
    line = next(each for each in worker.log.splitlines() if "trying again in 1 s" in each)
    assert "ERROR" in line
    assert (
        "module 'framework_setup' cannot be imported: ImportError: half of a deployment "
        f"({shop / 'setup.py'}:1); trying again in 1 s"
    ) in line
    assert "Traceback" not in worker.log
    info = worker_of(desk)
    assert info.able == 1
    assert "half of a deployment" in info.trouble
    assert desk.record(held).status == "running"
    (shop / "setup.py").write_text(SETUP)
    wait_until(lambda: worker_of(desk).able == 2, "a process that has imported them")
    assert worker_of(desk).trouble == ""
    desk.release("word")
    desk.reaches(held, "completed")
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "ModuleNotFoundError: No module named 'shop.missing'"),
        ("import sys\nsys.exit('no database')", "SystemExit: no database ({file}:2)"),
        ("import os\nos._exit(3)", "a process died while importing it (exit code 3)"),
    ],
)
def test_a_worker_that_cannot_import_one_exits_before_it_claims(
    desk: Desk, run_worker: RunWorker, shop: Path, text: str | None, why: str
) -> None:
    debug = why.startswith("SystemExit")
    job = desk.enqueue("is_set_up", module="shop.tasks")
    if text is not None:
        (shop / "missing.py").write_text(text)
    options = ("-p", "2", *(("--debug",) if debug else ()))
    names = "shop.setup,shop.missing"
    worker = run_worker(*options, cwd=shop.parents[1], ASOK_APP="src", ASOK_IMPORTS=names)
    assert worker.ends() == 4
    reason = "module 'shop.missing' cannot be imported: " + why.format(file=shop / "missing.py")
    hint = "" if debug else " (run with --debug for the traceback)"
    (line,) = (each for each in worker.log.splitlines() if "cannot be imported" in each)
    assert f" stops: {reason}{hint}" in line
    assert ("Traceback" in worker.log) is debug
    assert "start_imports.py" not in worker.log
    assert "another is tried" not in worker.log
    assert [each.job.id for each in desk.pending() if each.job] == [job.id]
    assert desk.active() == []
    assert not desk.client.exists("asok:workers")


def test_a_worker_stops_at_once_while_an_import_takes_long(
    desk: Desk, run_worker: RunWorker, shop: Path
) -> None:
    (shop / "setup.py").write_text(SETUP + "import time; time.sleep(600)")
    options = ("--import", "shop.setup", "-p", "2")
    worker = run_worker(*options, cwd=shop.parent, ASOK_WORKER_SHUTDOWN_TIMEOUT="99s")
    wait_until(lambda: len(worker.processes()) == 2, "both processes")
    # One that begins to import after the stop was ordered.
    late = max(worker.processes())
    os.kill(late, signal.SIGSTOP)
    wait_until(desk.journal, "the import")
    assert worker_of(desk).able == 0
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("stops within")
    os.kill(late, signal.SIGCONT)
    assert worker.ends() == 0
