"""Programs that tasks start end with the process that runs those tasks, at the latest."""

from __future__ import annotations

import os
import signal

import pytest

from tests.fixtures.worker import Desk, RunWorker
from tests.programs import lives, wait_until

FORKING = "tests.worker.forking"


def programs(desk: Desk, count: int = 3) -> list[int]:
    """The process ids of ``count`` programs, which live."""
    found: list[int] = []

    def started() -> bool:
        found[:] = [int(line.split()[1]) for line in desk.journal() if line.startswith("program ")]
        return len(found) >= count

    wait_until(started, f"{count} programs")
    return found


def end(pids: list[int]) -> None:
    wait_until(lambda: not any(map(lives, pids)), "the end of the programs")


def test_a_hard_timeout_ends_them(desk: Desk, run_worker: RunWorker) -> None:
    run_worker()
    job = desk.enqueue("start_programs_and_sleep_in_c", "job", module=FORKING, hard_timeout=0.5)
    started = programs(desk)
    desk.reaches(job, "failed")
    end(started)


def test_a_stop_deadline_ends_them(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="500ms")
    job = desk.enqueue("start_programs_and_hold", "job", module=FORKING)
    started = programs(desk)
    desk.wait_for_lines("begin job")
    assert all(map(lives, started))
    assert worker.stop() == 0
    end(started)
    assert [each.id for each in desk.pending()] == [job.id]


def test_a_crash_ends_them(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_CRASH_LIMIT=1)
    job = desk.enqueue("start_programs_and_die", module=FORKING)
    started = programs(desk)
    desk.reaches(job, "failed")
    end(started)


def test_the_end_of_an_orphaned_process_ends_them(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_WORKER_SHUTDOWN_TIMEOUT="500ms")
    desk.enqueue("start_programs_and_hold", "job", module=FORKING)
    started, process = programs(desk), worker.only_process()
    worker.process.kill()
    wait_until(lambda: not lives(process), "the end of the process")
    end(started)


@pytest.mark.parametrize("own_session", [False, True])
def test_a_process_that_is_replaced_ends_those_that_have_no_session_of_their_own(
    desk: Desk, run_worker: RunWorker, own_session: bool
) -> None:
    worker = run_worker("--max-jobs", "1")
    job = desk.job("start_programs", module=FORKING)
    job.kwargs["own_session"] = own_session  # type: ignore[index]
    desk.producer.enqueue([job])
    desk.reaches(job, "completed")
    started = programs(desk)
    if own_session:
        # Once the next has been replaced as well, the first is long gone.
        for word in ("one", "two"):
            desk.reaches(desk.enqueue("note", word), "completed")
        assert all(map(lives, started))
        for pid in started:
            os.kill(pid, signal.SIGKILL)
    end(started)
    assert "died" not in worker.log
