"""``s`` and ``d`` on a running job, in the list and on its page, with a real worker."""

from __future__ import annotations

import signal

import pytest
from textual.widgets import Log

from asok_console.tui.screens import stack
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_core.backends.roles import ActiveJob
from tests.fixtures.console import Open
from tests.fixtures.worker import Desk, RunWorker


async def test_the_stack_of_a_running_job_is_shown(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.hold("word")
    async with open_console(size=(120, 40), view="jobs") as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.press("s")
        await hand.sees("hold  ")
        await hand.sees("tests/worker/jobs.py:")
        await hand.press("s")
        await hand.sees(" of 10 in hold")
        await hand.press("escape", "enter")
        await hand.sees("Actions")
        await hand.sees("d  cancel             ask the running job to stop")
        await hand.press("s")
        await hand.sees("tests/worker/jobs.py:")
        await hand.press("escape")
    desk.release("word")
    desk.reaches(job, "completed")


async def test_the_slot_of_a_worker_has_the_stack_of_its_job_and_cancels_it(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.hold("word")
    async with open_console(size=(120, 40), view="workers") as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.sees(" s sort ")
        assert not hand.shows(" s stack ")
        while not hand.shows(" s stack "):
            await hand.press("j")
        assert not hand.shows(" s sort ")
        await hand.press("s")
        await hand.sees("tests/worker/jobs.py:")
        await hand.press("escape", "d")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "a question")
        await hand.sees("Cancel 1 running job?")
        await hand.press("tab", "enter")
        await hand.sees("Requested to stop 1 job")
    assert desk.reaches(job, "cancelled").cancel is not None


async def test_a_session_that_only_reads_sorts_where_a_slot_has_no_stack_for_it(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.hold("word")
    async with open_console(size=(120, 40), view="workers", read_only=True) as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.press("j")
        await hand.sees(" s sort ")
        assert not hand.shows(" d cancel ")
        await hand.press("s")
        await hand.sees("by running")
    desk.release("word")
    desk.reaches(job, "completed")


async def test_no_part_of_a_stack_is_cut_at_the_edge(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.hold("word")
    record = desk.record(job)
    async with open_console(size=(60, 24), view="jobs") as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.press("s")
        await hand.until(
            lambda: str(record.worker) in "".join(hand.app.screen.query_one(Log).lines),
            "the process",
        )
        log = hand.app.screen.query_one(Log)
        assert max(map(len, log.lines)) <= log.scrollable_content_region.width
        await hand.press("escape")
    desk.release("word")
    desk.reaches(job, "completed")


async def test_an_unexpected_error_in_place_of_a_stack_is_shown(
    desk: Desk, run_worker: RunWorker, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a reply of another form")

    monkeypatch.setattr(stack, "stack_of_job", broken)
    run_worker()
    job = desk.hold("word")
    async with open_console(size=(120, 40), view="jobs") as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.press("s")
        await hand.sees("No stack: ValueError: a reply of another form")
    desk.release("word")
    desk.reaches(job, "completed")


async def test_a_running_job_is_cancelled_after_a_question_that_states_what_happens(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.hold("word")
    async with open_console(size=(140, 40), view="jobs") as hand:
        await hand.sees("tests.worker.jobs.hold")
        await hand.press("d")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "a question")
        await hand.sees("Cancel 1 running job?")
        await hand.sees("after 10 s its process")
        await hand.press("tab", "enter")
        await hand.sees("Requested to stop 1 job")
        await hand.sees("cancelled")
        await hand.press("7")
        await hand.until(
            lambda: any(
                line.split()[3:6] == ["cancel", "1", "✓"] for line in hand.screen().split("\n")
            ),
            "the operation with its one job in Activity",
        )
    assert desk.reaches(job, "cancelled").cancel is not None


async def test_how_far_a_cancellation_is_changes_on_the_page_as_it_happens(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    worker = run_worker()
    job = desk.enqueue("ignore_cancels", "word")
    desk.wait_for_lines("begin word")
    process = desk.reaches(job, "running").worker or ""
    async with open_console(size=(140, 40), view="jobs") as hand:
        await hand.sees("ignore_cancels")
        await hand.press("enter")
        await hand.sees("Actions")
        assert not hand.shows("Cancellation")
        worker.signal(signal.SIGSTOP)
        operator = hand.app.session.operator
        assert operator is not None
        running = ActiveJob(job.id, process, "default", desk.active()[0])
        assert operator.stop_running([running], 15.0).applied == 1
        await hand.sees("its worker has not received it yet")
        worker.signal(signal.SIGCONT)
        await hand.sees("; stopping, its process is ended in")
        await hand.sees("; ended")
    assert desk.reaches(job, "cancelled").cancel is not None
    desk.wait_for_lines("ignored word")
