"""A worker with ASOK_TASK_MODULES: nothing else runs, not even signed, on no way to a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from asok_core.jobs.envelope import seal
from tests.fixtures.worker import KEYRING, TASKS, Desk, RunWorker

APPLICATION = """
from os import system
from pathlib import Path

def work(path):
    Path(path).write_text("ran")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("listed_tasks.py", "other_tasks.py"):
        (tmp_path / name).write_text(
            APPLICATION + f"\nPath({str(tmp_path / name)!r} + '.i').touch()\n"
        )
    return tmp_path


def test_nothing_but_what_is_listed_runs_and_it_becomes_a_dead_job_with_the_reason(
    desk: Desk, run_worker: RunWorker, folder: Path
) -> None:
    worker = run_worker(cwd=folder, ASOK_TASK_MODULES=f"listed_tasks,{TASKS}")
    desk.reaches(desk.enqueue("give"), "completed")
    refused = [
        (desk.enqueue("work", str(folder / "a"), module="other_tasks"), "TaskNotAllowed: other_tasks"),
        (desk.enqueue("system", f"touch {folder / 'b'}", module="os"), "InvalidTaskName: os.system"),
        (desk.enqueue("eval", "1 + 1", module="builtins"), "InvalidTaskName: builtins.eval"),
        (
            desk.enqueue("system", f"touch {folder / 'b'}", module="listed_tasks"),
            "InvalidTaskName: posix.system",
        ),
    ]  # fmt: skip
    for job, error in refused:
        record = desk.reaches(job, "failed")
        assert (record.error or "").startswith(error), record.error
        assert seal(job, KEYRING) in [each.envelope for each in desk.dead()]
    job = desk.enqueue("work", str(folder / "c"), module="listed_tasks")
    desk.reaches(job, "completed")
    assert (folder / "c").read_text() == "ran"
    assert not (folder / "a").exists()
    assert not (folder / "b").exists()
    assert not (folder / "other_tasks.py.i").exists()
    assert (folder / "listed_tasks.py.i").exists()
    assert worker.stop() == 0


def test_by_default_all_run_but_what_python_brings(
    desk: Desk, run_worker: RunWorker, folder: Path
) -> None:
    run_worker(cwd=folder)
    job = desk.enqueue("work", str(folder / "a"), module="other_tasks")
    desk.reaches(job, "completed")
    refused = desk.enqueue("system", f"touch {folder / 'b'}", module="os")
    assert "add os:system to ASOK_TASK_MODULES" in (desk.reaches(refused, "failed").error or "")
    assert not (folder / "b").exists()


def test_what_is_named_runs(desk: Desk, run_worker: RunWorker, folder: Path) -> None:
    run_worker(cwd=folder, ASOK_TASK_MODULES="*,os:system")
    desk.reaches(desk.enqueue("system", f"touch {folder / 'b'}", module="os"), "completed")
    assert (folder / "b").exists()


def test_a_worker_whose_list_fits_no_job_keeps_the_jobs_and_says_why_it_claims_none(
    desk: Desk, run_worker: RunWorker, folder: Path
) -> None:
    jobs = [desk.enqueue("work", "x", module="other_tasks") for _ in range(12)]
    worker = run_worker(cwd=folder, ASOK_TASK_MODULES="shop.*")
    worker.wait_for_log("ASOK_TASK_MODULES (shop.*) does not allow it")
    worker.wait_for_log("Process stopped claiming")
    assert desk.dead() == []
    worker.stop()
    run_worker(cwd=folder)
    for job in jobs:
        desk.reaches(job, "completed")
