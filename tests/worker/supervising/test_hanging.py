"""A process whose loop does not turn is shown and logged, and replaced where no job is the reason."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.data.alerts import alerts
from asok_core.operations.inspector import open_reader
from asok_core.worker.job_slots import Phase
from asok_core.worker.shared_state import SharedState
from asok_core.worker.stall_detection import SHOWN_AFTER, LoopWatch, StallReason
from asok_core.worker.supervising.systemd import ALIVE
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import wait_until
from tests.worker.running.test_breaker_rule import Clock
from tests.worker.supervising.test_health import received

HANGING = "tests.worker.hanging"
LIMIT = SHOWN_AFTER


class TestWatch:
    @pytest.fixture
    def shared(self) -> Iterator[SharedState]:
        with tempfile.TemporaryFile() as file:
            made = SharedState(file, 2)
            yield made
            made.close()

    @staticmethod
    def pass_time(watch: LoopWatch, clock: Clock, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            clock.now += 0.25
            watch.find_hang(os.getpid())

    def test_a_process_may_take_long_to_start(self, shared: SharedState) -> None:
        clock = Clock()
        watch = LoopWatch(shared, clock)
        self.pass_time(watch, clock, 100)
        assert watch.find_hang(os.getpid()) is None
        shared.note_turn()
        assert watch.find_hang(os.getpid()) is None
        self.pass_time(watch, clock, 20)
        assert watch.find_hang(os.getpid()) is not None

    def test_a_loop_that_turns_does_not_hang(self, shared: SharedState) -> None:
        clock = Clock()
        watch = LoopWatch(shared, clock)
        for _ in range(10):
            shared.note_turn()
            self.pass_time(watch, clock, 9)
            assert watch.find_hang(os.getpid()) is None

    def test_what_is_known_of_the_reason(self, shared: SharedState) -> None:
        clock = Clock()
        watch = LoopWatch(shared, clock)
        shared.note_turn()
        for _ in range(20):
            shared.note_pulse()
            self.pass_time(watch, clock, 1)
        hang = watch.find_hang(os.getpid())
        assert hang is not None
        assert (hang.cause, hang.replaceable) == (StallReason.LOOP, True)
        assert hang.why == "its other threads run"
        self.pass_time(watch, clock, 20)
        hang = watch.find_hang(os.getpid())
        assert hang is not None
        assert (hang.cause, hang.replaceable) == (StallReason.HELD, True)
        assert hang.why == "its other threads do not run, and no job runs"
        shared.begin(0, "one", time.monotonic() - 3)
        hang = watch.find_hang(os.getpid())
        assert hang is not None
        assert not hang.replaceable
        assert hang.why == (
            "its other threads do not run; job one (running for 3 s) may hold the interpreter"
        )
        shared.begin(1, "two", time.monotonic() - 4, phase=Phase.IMPORTING)
        hang = watch.find_hang(os.getpid())
        assert hang is not None
        assert "one of these may hold the interpreter: job" in hang.why
        assert "job two (importing its module for 4 s)" in hang.why
        shared.note_turn()
        assert watch.find_hang(os.getpid()) is None

    def test_time_in_which_the_supervisor_was_suspended_does_not_count(
        self, shared: SharedState
    ) -> None:
        """Two minutes of SIGSTOP for everything, or of a virtual machine; again and again."""
        clock = Clock()
        watch = LoopWatch(shared, clock)
        for _ in range(5):
            shared.note_turn()
            shared.note_pulse()
            watch.find_hang(os.getpid())
            # An idle loop sleeps when all is suspended.
            self.pass_time(watch, clock, 5)
            clock.now += 120
            assert watch.find_hang(os.getpid()) is None

    def test_a_process_that_a_signal_has_stopped_is_known_as_that(
        self, shared: SharedState
    ) -> None:
        program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            program.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, program.pid, os.WSTOPPED | os.WNOWAIT)
            clock = Clock()
            watch = LoopWatch(shared, clock)
            # Before its loop begins, and after.
            for _ in range(2):
                self.pass_time(watch, clock, 20)
                hang = watch.find_hang(program.pid)
                assert hang is not None
                assert (hang.cause, hang.replaceable) == (StallReason.STOPPED, True)
                shared.note_turn()
                assert watch.find_hang(program.pid) is None
        finally:
            program.kill()
            program.communicate()


def hang(worker: Worker) -> None:
    """Stop the only process of a worker, until it is shown."""
    os.kill(worker.only_process(), signal.SIGSTOP)
    worker.wait_for_log("hangs: a signal has stopped the process")


def test_a_job_that_holds_the_interpreter_is_shown_and_not_ended(
    desk: Desk, run_worker: RunWorker, status: Any
) -> None:
    worker = run_worker(
        "--concurrency",
        "2",
        ASOK_WORKER_LEASE=3,
        ASOK_WORKER_HANG_LIMIT=LIMIT,
        ASOK_WORKER_SHUTDOWN_TIMEOUT=1,
    )
    desk.enqueue("hold", "neighbour")
    desk.wait_for_lines("begin neighbour")
    pid = worker.only_process()
    job = desk.enqueue("search", module=HANGING)
    worker.wait_for_log(
        "hangs: its other threads do not run; one of these may hold the interpreter: job "
    )
    assert job.id in worker.log
    # The stacks say what it does, though no Python code of the process can.
    worker.wait_for_log("in search")

    def state() -> str:
        (found,) = json.loads(status("--json")[1])["workers"]
        return str(found["state"])

    wait_until(lambda: state() == "hanging", "the state")
    code, page, words = status("--require-workers", "1", "--max-hang", "5s")
    assert code == 1
    assert "workers that run jobs: 0, at least 1 required" in words
    assert f"job {job.id} of tests.worker.hanging.search (running for" in words
    assert "may hold the interpreter" in words
    assert "; at most 5 s allowed" in words
    assert "hanging (1 of 1 processes for " in page
    with closing(open_reader(desk.settings)) as reader:
        snapshot = reader.snapshot()
    assert snapshot.workers[0].hang_seconds >= SHOWN_AFTER
    assert "is hanging (1 of 1 processes for" in alerts(snapshot, 1000)[0].line
    worker.wait_for_log("is not ended for it: ")
    assert worker.only_process() == pid
    assert desk.journal() == ["begin neighbour", "search"]
    # It can still be stopped, and what it ran goes back at no charge.
    assert worker.stop() == 0
    assert len(desk.pending()) == 2
    assert not desk.client.keys("asok:crashes:*")


def test_a_hard_limit_ends_a_job_that_holds_the_interpreter(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker("--concurrency", "2")
    neighbour = desk.enqueue("hold", "neighbour")
    desk.wait_for_lines("begin neighbour")
    job = desk.enqueue("search", module=HANGING, timeout=0.5, hard_timeout=1.5)
    desk.reaches(job, "failed")
    (dead_job,) = desk.dead()
    assert dead_job.error == "TimeoutError: it ran longer than its hard limit of 1.5 s"
    desk.release("neighbour")
    desk.reaches(neighbour, "completed")
    assert not desk.client.keys("asok:crashes:*")


def test_a_process_that_a_signal_stopped_is_replaced_and_nothing_is_charged(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", ASOK_WORKER_HANG_LIMIT=LIMIT)
    jobs = [desk.enqueue("hold", word) for word in ("one", "two")]
    desk.wait_for_lines("begin one", "begin two")
    pid = worker.only_process()
    os.kill(pid, signal.SIGSTOP)
    worker.wait_for_log("is ended: it hung for 10 s (a signal has stopped the process)")
    # The same jobs again, in another process.
    desk.wait_for_lines("begin one", "begin one", "begin two", "begin two")
    assert worker.only_process() != pid
    desk.release("one")
    desk.release("two")
    for job in jobs:
        desk.reaches(job, "completed")
    assert not desk.client.keys("asok:crashes:*")
    assert "died" not in worker.log.replace("which died", "")


def test_so_is_one_that_hangs_though_no_job_runs(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_WORKER_HANG_LIMIT=LIMIT)
    desk.reaches(desk.enqueue("search_later", module=HANGING), "completed")
    pid = worker.only_process()
    worker.wait_for_log(
        "is ended: it hung for 10 s (its other threads do not run, and no job runs)"
    )
    desk.reaches(desk.enqueue("note", "by another"), "completed")
    assert worker.only_process() != pid


def test_so_is_one_that_hangs_while_it_drains(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--max-memory", "1", ASOK_WORKER_LEASE=3, ASOK_WORKER_HANG_LIMIT=LIMIT)
    job = desk.enqueue("write_pid_and_hold", "word", module=HANGING)
    desk.wait_for_lines("begin word")
    pid = int(desk.journal()[0])
    worker.wait_for_log("another replaces it")
    os.kill(pid, signal.SIGSTOP)
    worker.wait_for_log("is ended: it hung for 10 s (a signal has stopped the process)")
    desk.release("word")
    desk.reaches(job, "completed")
    assert not desk.client.keys("asok:crashes:*")


def test_a_stop_ends_one_that_hangs(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT=1)
    desk.enqueue("hold", "word")
    desk.wait_for_lines("begin word")
    os.kill(worker.only_process(), signal.SIGSTOP)
    assert worker.stop() == 0
    assert [each.id for each in desk.pending()] != []
    assert desk.active() == []
    assert not desk.client.keys("asok:crashes:*")


def test_systemd_is_notified_that_a_worker_is_alive_while_its_processes_work(
    desk: Desk, run_worker: RunWorker, notifications: socket.socket
) -> None:
    worker = run_worker(ASOK_WORKER_LEASE=1.5, ASOK_WORKER_HANG_LIMIT=0)
    desk.idle()
    wait_until(lambda: ALIVE in received(notifications), "a heartbeat")
    hang(worker)
    received(notifications)
    heartbeats: set[bytes] = set()

    def with_heartbeat() -> bool:
        for key in desk.client.scan_iter(match="asok:worker:*"):
            heartbeats.add(desk.client.hget(key, "beat_at"))
        return len(heartbeats) > 8

    wait_until(with_heartbeat, "heartbeats")
    assert ALIVE not in received(notifications)
    os.kill(worker.only_process(), signal.SIGCONT)
    worker.wait_for_log("works again, after it hung for")
    wait_until(lambda: ALIVE in received(notifications), "a heartbeat")
    desk.reaches(desk.enqueue("note", "on"), "completed")


def test_no_process_is_ended_because_everything_was_suspended(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker("--concurrency", "2", ASOK_WORKER_HANG_LIMIT=LIMIT)
    job = desk.enqueue("hold", "word")
    limited = desk.enqueue("loop_forever", timeout=5, hard_timeout=6)
    desk.wait_for_lines("begin word", "begin")
    pid = worker.only_process()
    worker.signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGSTOP)
    resumes = time.monotonic() + LIMIT + 5
    wait_until(lambda: time.monotonic() > resumes, "the end of the suspension")
    worker.signal(signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)
    # Its soft limit is over by now, and ends it before the hard limit ends its process.
    assert "JobTimeout" in (desk.reaches(limited, "failed").error or "")
    desk.release("word")
    desk.reaches(job, "completed")
    assert worker.only_process() == pid
    assert "hangs" not in worker.log


def test_a_slow_import_does_not_stop_the_loop(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, os\n"
        "folder = pathlib.Path(os.environ['ASOK_TEST_FOLDER'])\n"
        "(folder / 'importing').touch()\n"
        "while not (folder / 'imported').exists():\n"
        "    pass\n"
        "from tests.worker.jobs import note\n"
    )
    worker = run_worker("--concurrency", "2", PYTHONPATH=tmp_path, ASOK_WORKER_HANG_LIMIT=LIMIT)
    job = desk.enqueue("note", "at last", module="slow", timeout=5)
    wait_until((tmp_path / "importing").exists, "the import")
    over = time.monotonic() + LIMIT + 2
    while time.monotonic() < over:
        desk.reaches(desk.enqueue("note", "beside it"), "completed")
    desk.release("imported")
    desk.reaches(job, "completed")
    assert "hangs" not in worker.log


def test_a_loop_that_waits_for_redis_does_not_hang(
    own_desk: Desk, run_worker: RunWorker, server: EmbeddedRedis
) -> None:
    desk = own_desk
    worker = run_worker(ASOK_REDIS_URL=server.url, ASOK_WORKER_HANG_LIMIT=LIMIT)
    job = desk.enqueue("hold", "word")
    desk.wait_for_lines("begin word")
    pid = worker.only_process()
    redis_pid = desk.client.info()["process_id"]
    os.kill(redis_pid, signal.SIGSTOP)
    try:
        worker.wait_for_log("does not answer in time")
        over = time.monotonic() + LIMIT + 5
        wait_until(lambda: time.monotonic() > over, "a long outage")
    finally:
        os.kill(redis_pid, signal.SIGCONT)
    desk.release("word")
    desk.reaches(job, "completed")
    assert worker.only_process() == pid
    assert "hangs" not in worker.log
