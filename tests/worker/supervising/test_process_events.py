"""How a process ended, as its event and the records of its jobs have it: each crash, each reason."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from asok_console.presentation.events import sentence
from asok_core.backends.roles import ActiveJob
from asok_core.inspection.events import EventKind
from asok_core.inspection.stacks import KeptStack, decode_kept
from asok_core.jobs.job import Job
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.worker.running.threads import PREPARATION
from asok_core.worker.stacks import fatal_error_in
from asok_core.worker.stall_detection import SHOWN_AFTER
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.running.test_time_limits import ENDLESS, let_time_pass
from tests.worker.test_events import events, planted

HANGING = "tests.worker.hanging"
LIMIT = SHOWN_AFTER


def kinds(desk: Desk) -> list[str]:
    return [each.kind for each in events(desk.settings)]


def kept(desk: Desk, job: Job) -> KeptStack:
    """The stack that the record of a job keeps."""
    found = decode_kept(desk.record(job).stack)
    assert found is not None
    return found


def test_a_fatal_error_is_in_the_event_of_the_crash(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_CRASH_LIMIT=1)
    job = desk.enqueue("end_by_fault", "SECRET")
    (crashed,) = planted(desk.settings, EventKind.PROCESS_CRASHED)
    assert crashed.fields["reason"] == "killed by SIGSEGV"
    line = crashed.fields["last_line"]
    assert line.startswith("Fatal Python error: Segmentation fault in string_at (")
    assert "ctypes/__init__.py:" in line
    # Only code locations.
    assert "SECRET" not in line
    assert line in sentence(crashed)
    worker.wait_for_log("Fatal error of process")
    desk.reaches(job, "failed")
    desk.reaches(desk.enqueue("note", "next"), "completed")


@pytest.mark.parametrize("task", ["die", "end_process", "leave_a_fork_that_ends_by_fault"])
def test_no_fatal_error_is_stated_where_python_reported_none(
    desk: Desk, run_worker: RunWorker, task: str
) -> None:
    run_worker(ASOK_CRASH_LIMIT=1)
    desk.enqueue(task, 3 if task == "end_process" else "word")
    (crashed,) = planted(desk.settings, EventKind.PROCESS_CRASHED)
    reason = "exit code 3" if task == "end_process" else "killed by SIGKILL"
    assert crashed.fields["reason"] == reason
    assert "last_line" not in crashed.fields


def test_a_fatal_error_of_another_signal_is_that_of_another_process() -> None:
    head = "Fatal Python error: Segmentation fault\n\nStack (most recent call first):\n"
    dump = f'{head}  File "a.py", line 3 in f\n'
    line = "Fatal Python error: Segmentation fault in f (a.py:3)"
    assert fatal_error_in(dump, -signal.SIGSEGV) == (line, dump)
    # Stacks that were requested before are logged already.
    before = 'Thread 0x1 (most recent call first):\n  File "b.py", line 1 in g\n'
    assert fatal_error_in(f"{before}{dump}", -signal.SIGSEGV) == (line, dump)
    assert fatal_error_in(dump, -signal.SIGABRT) == ("", "")
    assert fatal_error_in(dump, 1) == ("", "")
    aborted = "Fatal Python error: Aborted\n\n"
    assert fatal_error_in(aborted, -signal.SIGABRT) == (aborted.strip(), aborted)
    assert fatal_error_in("", -signal.SIGSEGV) == ("", "")


def test_a_crash_while_the_worker_stops_is_an_event(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker()
    job = desk.enqueue("end_by_fault_on_stop", "job")
    desk.wait_for_lines("begin job")
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("stops within")
    desk.release("job")
    assert worker.ends() == 0
    assert kinds(desk) == ["worker_started", "process_crashed", "worker_stopped"]
    (crashed,) = planted(desk.settings, EventKind.PROCESS_CRASHED)
    assert "Segmentation fault" in crashed.fields["last_line"]
    # Its worker stops: no job is charged for that.
    assert [each.id for each in desk.pending()] == [job.id]
    assert not desk.client.keys("asok:crashes:*")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_that_stops_in_order_has_no_crash(
    desk: Desk, run_worker: RunWorker, number: signal.Signals
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="0.2s")
    desk.hold("job")
    worker.signal(number)
    assert worker.ends() == 0
    assert kinds(desk) == ["worker_started", "worker_stopped"]


def test_a_process_that_does_not_stop_in_time(desk: Desk, run_worker: RunWorker) -> None:
    """The job that holds the interpreter lets no code of its process return it."""
    worker = run_worker("--concurrency", "2", ASOK_WORKER_SHUTDOWN_TIMEOUT="0.2s")
    neighbour = desk.hold("neighbour")
    job = desk.enqueue("hold_the_interpreter", 600.0, retries=2)
    desk.wait_for_lines("begin")
    assert worker.stop() == 0
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert ended.fields["reason"] == "it did not stop within 4.2 s"
    assert kinds(desk) == ["worker_started", "process_ended", "worker_stopped"]
    assert {each.id for each in desk.pending()} == {job.id, neighbour.id}
    assert not desk.client.keys("asok:crashes:*")
    for each, function in ((job, "hold_the_interpreter"), (neighbour, "hold")):
        found = kept(desk, each)
        assert (found.why, found.attempt) == ("worker stopped", 1)
        assert found.process == ended.fields["process"]
        assert function in [frame.function for frame in found.stack]


def test_a_process_that_hangs(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_WORKER_HANG_LIMIT=LIMIT)
    job = desk.enqueue("stop_the_loop_and_hold", "word", module=HANGING)
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert re.fullmatch(r"it hung for \d+ s \(its other threads run\)", ended.fields["reason"])
    wait_until(lambda: desk.record(job).stack, "the stack")
    found = kept(desk, job)
    assert found.why == "process hung"
    assert [frame.function for frame in found.stack] == ["hold", "stop_the_loop_and_hold"]
    assert not desk.client.keys("asok:crashes:*")
    assert "process_crashed" not in kinds(desk)


def test_a_process_of_which_a_signal_stopped_all_threads_has_no_stack(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="0.2s")
    job = desk.hold("job")
    process = worker.only_process()
    worker.signal(signal.SIGSTOP, to_all=True)
    worker.process.send_signal(signal.SIGCONT)
    wait_until(lambda: state_of(process) == "T", "a stopped process")
    assert worker.stop() == 0
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert ended.fields["reason"] == "it did not stop within 4.2 s"
    assert desk.record(job).stack is None
    assert [each.id for each in desk.pending()] == [job.id]


def state_of(process: int) -> str:
    """The state of a process, as the kernel abbreviates it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_with_a_cancelled_job_that_does_not_stop(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    job = desk.enqueue("hold_the_interpreter", 600.0)
    desk.wait_for_lines("begin")
    reader, operator = open_reader(desk.settings), open_operator(desk.settings)
    detail = reader.job(job.id)
    assert detail is not None
    assert detail.process
    running = ActiveJob(job.id, detail.process, "default", desk.active()[0])
    assert operator.stop_running([running], 0.5).applied == 1
    reader.close()
    operator.close()
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert ended.fields["reason"] == "1 cancelled job did not stop"
    desk.reaches(job, "cancelled")
    assert "process_crashed" not in kinds(desk)


def test_a_process_with_a_job_that_does_not_begin(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "endless.py").write_text(ENDLESS)
    worker = run_worker("--concurrency", "2", cwd=app)
    desk.enqueue("note", "done", module="endless", timeout=0.5)
    desk.wait_for_lines("importing")
    let_time_pass(worker, PREPARATION)
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert ended.fields["reason"] == "1 job had not begun after 300 s"
    assert "process_crashed" not in kinds(desk)


def test_what_a_task_writes_to_the_file_for_stacks_takes_no_memory_without_an_end(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    desk.reaches(desk.enqueue("write_to_its_stacks"), "completed")
    # What comes after it is found.
    desk.enqueue("end_by_fault", "word")
    (crashed,) = planted(desk.settings, EventKind.PROCESS_CRASHED)
    assert "Segmentation fault" in crashed.fields["last_line"]
