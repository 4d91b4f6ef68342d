"""Whatever log handlers, hooks and exceptions do, a job that ended has its outcome."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from asok_core.jobs.envelope import seal_text
from asok_core.jobs.keyring import keyring_of
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import environment, wait_until
from tests.samples import hostile_errors, hostile_logging

HOSTILE = "tests.worker.hostile"
HANGING = ("HangsInC", "HangsInPython")


def test_every_failure_is_settled_whatever_its_exception_does(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "4")
    before = worker.only_process()
    jobs = {
        (function, kind): desk.enqueue(function, kind, module=HOSTILE)
        for function in ("throw", "throw_from")
        for kind in hostile_errors.KINDS
    }
    for (function, kind), job in jobs.items():
        record = desk.reaches(job, "failed")
        assert record.error is not None
        assert len(record.error) <= desk.settings.max_traceback
        (dead_job,) = (each for each in desk.dead() if each.id == job.id)
        assert dead_job.error is not None
        # Of a chain whose text never ends, only the name of the last one is known.
        assert dead_job.error.startswith(kind if function == "throw" else "ValueError")
    assert worker.only_process() == before, "no process died of it"
    assert "died" not in worker.log


def test_a_failure_that_names_a_file_which_is_not_utf_8_is_settled(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    job = desk.enqueue("fail_at_a_file")
    assert r"cannot read caf\udce9" in (desk.reaches(job, "failed").error or "")
    assert [each.error for each in desk.dead()] == [r"ValueError: cannot read caf\udce9"]
    assert "died" not in worker.log


def test_so_is_one_of_a_module_that_cannot_be_found(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    text = "raise ModuleNotFoundError('no caf' + chr(0xDCE9), name='menu')"
    (tmp_path / "menu.py").write_text(text)
    worker = run_worker(cwd=tmp_path)
    job = desk.enqueue("order", module="menu")
    assert r"no caf\udce9" in (desk.reaches(job, "retrying").error or "")
    assert "died" not in worker.log


@pytest.mark.parametrize("kind", hostile_logging.KINDS)
def test_no_log_handler_comes_between_a_job_and_its_outcome(
    desk: Desk, run_worker: RunWorker, kind: str
) -> None:
    worker = run_worker("--log-level", "debug")
    desk.reaches(desk.enqueue("spoil", kind, module=HOSTILE), "completed")
    pid = worker.only_process()
    failed = [desk.enqueue("fail"), desk.enqueue("fail", retries=1, backoff=0.1)]
    desk.client.lpush("asok:queue", seal_text("{}", keyring_of(desk.settings)))
    for job in failed:
        desk.reaches(job, "failed")
    wait_until(lambda: len(desk.dead()) == 3, "three dead jobs")
    desk.reaches(desk.enqueue("note", "on"), "completed")
    assert worker.only_process() == pid, "its thread lives on"
    assert worker.stop() == 0
    assert desk.active() == []


def test_a_log_handler_that_hangs_keeps_its_thread_and_no_job(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", ASOK_WORKER_SHUTDOWN_TIMEOUT=2)
    desk.reaches(desk.enqueue("spoil", "hangs", module=HOSTILE), "completed")
    desk.reaches(desk.enqueue("fail"), "failed")
    desk.reaches(desk.enqueue("note", "by the other thread"), "completed")
    desk.reaches(desk.enqueue("fail"), "failed")
    # Both threads hang by now. What comes is left for workers that have room.
    left = desk.enqueue("note", "elsewhere")
    run_worker()
    desk.reaches(left, "completed")
    assert worker.stop() == 0
    assert desk.active() == []


@pytest.mark.parametrize("kind", ["raises", "exits", "hangs"])
def test_no_hook_comes_between_a_job_and_its_outcome(
    desk: Desk, run_worker: RunWorker, kind: str
) -> None:
    worker = run_worker("--concurrency", "3", ASOK_WORKER_SHUTDOWN_TIMEOUT=2)
    desk.reaches(desk.enqueue("spoil_hooks", kind, module=HOSTILE), "completed")
    failed, done = desk.enqueue("fail"), desk.enqueue("note", "done")
    desk.reaches(failed, "failed")
    desk.reaches(done, "completed")
    desk.wait_for_lines(f"hook {kind}", f"hook {kind}")
    desk.reaches(desk.enqueue("note", "on"), "completed")
    assert worker.stop() == 0
    assert desk.active() == []


def test_a_worker_waits_for_hooks_and_log_lines_before_it_ends(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--max-jobs", "1")
    desk.reaches(desk.enqueue("fail"), "failed")
    worker.wait_for_log("Job failed")


@pytest.mark.parametrize("kind", [None, "raises", "exits", "hangs"])
def test_a_thread_that_dies_takes_its_process_along_at_once(
    desk: Desk, run_worker: RunWorker, kind: str | None
) -> None:
    worker = run_worker("--concurrency", "2")
    if kind is not None:
        desk.reaches(desk.enqueue("spoil", kind, module=HOSTILE), "completed")
    pid = worker.only_process()
    desk.reaches(desk.enqueue("strike_own_thread", module=HOSTILE), "completed")
    # An idle thread meets the exception when it is woken.
    jobs = []

    def replaced() -> bool:
        jobs.append(desk.enqueue("note", "on"))
        return bool(worker.processes()) and worker.processes() != [pid]

    wait_until(replaced, "another process")
    for job in jobs:
        desk.reaches(job, "completed")
    worker.wait_for_log("died (exit code 70)")


@pytest.fixture
def unread(redis_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose standard error is a full pipe that is not read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    worker = subprocess.Popen(
        [sys.executable, "-m", "asok_console", "worker", "--concurrency", "3"],
        env=environment(
            {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": redis_url,
                "SECRET_KEY": SECRET_KEY,
                "ASOK_TEST_FOLDER": str(tmp_path),
                "ASOK_WORKER_LEASE": "5",
                "ASOK_WORKER_SHUTDOWN_TIMEOUT": "2",
            }
        ),
        stdin=subprocess.DEVNULL,
        stderr=writing,
        start_new_session=True,
    )
    yield worker
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    os.close(reading)
    os.close(writing)


def test_a_worker_whose_log_is_not_read_keeps_its_lease_and_settles(
    desk: Desk, unread: subprocess.Popen[bytes]
) -> None:
    desk.reaches(desk.enqueue("fail"), "failed")
    desk.reaches(desk.enqueue("note", "by another thread"), "completed")
    desk.outlives_its_lease()
    desk.reaches(desk.enqueue("note", "on"), "completed")
    unread.send_signal(signal.SIGTERM)
    assert unread.wait(timeout=50) == 0
    assert desk.active() == []
    assert not desk.client.exists("asok:workers")
