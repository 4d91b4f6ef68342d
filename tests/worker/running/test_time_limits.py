"""``_timeout`` limits the code of a task: not the import of its module, nor the hooks before it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asok_core.jobs.job import Job
from asok_core.worker.job_slots import Phase
from asok_core.worker.running.threads import PREPARATION
from asok_core.worker.shared_state import SharedState
from asok_core.worker.supervising.hard_timeout import JobOverrun, reason
from tests.fixtures.worker import Desk, RunWorker, Worker

SLOW = """\
import time
from asok_core import hooks
from tests.worker.jobs import note, sleep_in_c, write_line

def before(job):
    write_line(f"before {job.function}")
    time.sleep(HOOK)

write_line("importing")
time.sleep(IMPORT)
hooks.before(before)
"""


@pytest.mark.parametrize(("imports", "hook"), [(5, 0), (0, 5)])
def test_a_limit_begins_with_the_code_of_the_task(
    desk: Desk, run_worker: RunWorker, tmp_path: Path, imports: float, hook: float
) -> None:
    text = SLOW.replace("IMPORT", f"{imports}").replace("HOOK", f"{hook}")
    (tmp_path / "slow.py").write_text(text)
    run_worker("--concurrency", "2", PYTHONPATH=tmp_path)
    neighbour = desk.enqueue("hold", "neighbour")
    desk.wait_for_lines("begin neighbour")
    # The task itself takes no time, but a busy machine may need some for it.
    limits = {"timeout": 3.0, "hard_timeout": 4.0}
    job = desk.enqueue("note", "done", module="slow", **limits)
    desk.reaches(job, "completed")
    assert desk.journal().count("importing") == 1
    desk.release("neighbour")
    desk.reaches(neighbour, "completed")
    assert desk.journal().count("begin neighbour") == 1


def test_the_hard_limit_holds_after_a_slow_import(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW.replace("IMPORT", "2").replace("HOOK", "0"))
    worker = run_worker(PYTHONPATH=tmp_path)
    job = desk.enqueue("sleep_in_c", "began", module="slow", hard_timeout=0.5)
    desk.reaches(job, "failed")
    (dead_job,) = desk.dead()
    assert dead_job.error == "TimeoutError: it ran longer than its hard limit of 0.5 s"
    assert desk.journal().count("began") == 1
    worker.wait_for_log("is ended: 1 job ran past its hard limit")


ENDLESS = """\
import pathlib, time
from tests.worker.jobs import note, write_line
write_line("importing")
while not pathlib.Path("repaired").exists():
    time.sleep(0.01)
"""


def let_time_pass(worker: Worker, seconds: float) -> None:
    """Let what the only process of a worker has begun be so much longer ago, by its shared state."""
    pid = worker.only_process()
    number = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3].decode()
    with Path(f"/proc/{worker.process.pid}/fd/{number}").open("r+b") as file:
        shared = SharedState(file, threads=2)
        slots = [at for at in shared._free if shared._memory[at] in list(Phase)]
        jobs = shared.running()
        assert jobs
        for at, job in zip(slots, jobs, strict=True):
            deadline = job.deadline - seconds if job.deadline else 0.0
            shared.note_phase(at, job.phase, (job.started - seconds, deadline))
        shared.close()


def test_an_import_that_does_not_end_is_not_charged_and_jobs_of_other_modules_run(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "endless.py").write_text(ENDLESS)
    worker = run_worker("--concurrency", "2", cwd=app, ASOK_CRASH_LIMIT=1)
    beside = desk.enqueue("hold", "beside")
    desk.wait_for_lines("begin beside")
    job = desk.enqueue("note", "done", module="endless", timeout=0.5)
    desk.wait_for_lines("importing")
    let_time_pass(worker, PREPARATION)
    worker.wait_for_log("is ended: 1 job had not begun after 300 s")
    record = desk.reaches(job, "retrying")
    assert re.fullmatch(
        r"TaskImportFailed: module 'endless' cannot be imported: it was not imported after 30\d s",
        record.error or "",
    )
    assert record.retry_count == 0
    desk.wait_for_lines("begin beside", "begin beside")
    (app / "repaired").touch()
    desk.reaches(job, "completed")
    desk.release("beside")
    desk.reaches(beside, "completed")
    assert desk.dead() == []
    assert (desk.counted("failed"), desk.counted("retried")) == (0, 0)
    assert not desk.client.keys("asok:crashes:*")


def test_what_comes_before_a_task_is_not_called_a_long_run() -> None:
    job = Job("1", "shop", "send", hard_timeout=2)
    hung = JobOverrun(Phase.IMPORTING, PREPARATION + 0.2)
    assert "before hooks" in str(JobOverrun(Phase.PREPARING, 301).error(job))
    ran = JobOverrun(Phase.RUNNING, 3)
    assert str(ran.error(job)) == "it ran longer than its hard limit of 2 s"
    assert reason([hung, ran]) == ("1 job ran past its hard limit, 1 job had not begun after 300 s")
