"""The progress of a running job in the list of jobs and on its page, with a real worker."""

from __future__ import annotations

from tests.fixtures.console import Open
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until


async def test_progress_is_shown_as_a_bar(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.enqueue("report_and_hold", "loading")
    wait_until(lambda: desk.record(job).progress is not None, "the progress")
    async with open_console(size=(120, 40), view="jobs") as hand:
        await hand.sees("████░░░░  50 % loading")
        await hand.press("enter")
        await hand.sees("Progress ████░░░░ 1 of 2 (50 %), reported ")
        await hand.press("escape")
    desk.release("loading")
    desk.reaches(job, "completed")


async def test_the_page_of_a_dead_job_shows_how_far_it_came(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    run_worker()
    job = desk.enqueue("report_and_fail")
    desk.reaches(job, "failed")
    async with open_console(size=(120, 60), view="dead") as hand:
        await hand.open_job("6", of=1)
        await hand.sees("at 1 of 40 (2 %), reported ")
        await hand.sees("at 1 of 40 (2 %): attempt 1")
