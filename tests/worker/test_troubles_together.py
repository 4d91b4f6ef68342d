"""Two troubles of a worker at once: each is settled as if it had come alone, and both are shown."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from asok_core.operations.inspector import open_operator
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.supervising.test_health import worker_of

MISSING = "module 'not_there' cannot be imported"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an application, on the path of workers that are given it."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def test_a_hard_limit_passes_while_the_process_does_not_claim(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "stuck.py").write_text(
        "import ctypes\n"
        "from tests.worker.jobs import write_line\n"
        "def sleep():\n"
        "    write_line('begin')\n"
        "    ctypes.CDLL(None).sleep(600)\n"
    )
    stuck = desk.enqueue("sleep", module="stuck", timeout=1.0)
    worker = run_worker("--concurrency", "2", cwd=app, ASOK_CRASH_LIMIT="1")
    desk.wait_for_lines("begin")
    others = [desk.enqueue("x", module="not_there", retries=9) for _ in range(10)]
    worker.wait_for_log("Process stopped claiming jobs")
    assert "hard limit of 6 s" in (desk.reaches(stuck, "failed").error_line or "")
    wait_until(lambda: MISSING in worker_of(desk).refusal, "the reason in the heartbeat")
    assert worker_of(desk).able == 0
    assert not desk.client.keys("asok:crashes:*")
    assert [each.id for each in desk.dead()] == [stuck.id]
    (app / "not_there.py").write_text(
        "from tests.worker.jobs import note\ndef x():\n    note('x')\n"
    )
    for job in others:
        desk.reaches(job, "completed")
    wait_until(lambda: worker_of(desk).condition == "", "a worker that claims jobs")


def test_a_quiet_worker_that_cannot_run_jobs_is_shown_as_both(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    jobs = [desk.enqueue("note", "x", module="not_there", retries=9) for _ in range(10)]
    worker = run_worker(cwd=app)
    worker.wait_for_log("Process stopped claiming jobs")
    wait_until(lambda: worker_of(desk).condition == "not claiming", "the reason in the heartbeat")
    with closing(open_operator(desk.settings)) as operator:
        operator.quiet(worker_of(desk).id)
        wait_until(lambda: worker_of(desk).quiet, "a quiet worker")
        assert MISSING in worker_of(desk).trouble
        (app / "not_there.py").write_text("from tests.worker.jobs import note\n")
        operator.resume_worker(worker_of(desk).id)
    for job in jobs:
        desk.reaches(job, "completed")
    wait_until(lambda: not worker_of(desk).quiet, "a worker that is not quiet")
    # The heartbeat that ends the quiet may be sent before a job of the module has passed.
    wait_until(lambda: worker_of(desk).condition == "", "a heartbeat without trouble")


def test_an_import_kills_the_process_while_a_hook_runs(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "hooked.py").write_text(
        "from asok_core import hooks\n"
        "from tests.worker.jobs import hold, fail\n"
        "@hooks.failure\n"
        "def slow(job, error, will_retry):\n"
        "    hold('hook')\n"
    )
    (app / "deadly.py").write_text("import os\nos._exit(3)\n")
    worker = run_worker("--concurrency", "2", cwd=app, ASOK_CRASH_LIMIT="1")
    failed = desk.enqueue("fail", "mine", module="hooked")
    desk.wait_for_lines("begin hook")
    assert desk.reaches(failed, "failed").error_line == "ValueError: mine"
    deadly = desk.enqueue("x", module="deadly")
    record = desk.reaches(deadly, "retrying")
    assert "a process died while importing it (exit code 3)" in (record.error_line or "")
    worker.wait_for_log("while importing deadly: exit code 3")
    assert [each.id for each in desk.dead()] == [failed.id]
    assert not desk.client.keys("asok:crashes:*")
