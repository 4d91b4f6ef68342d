"""Trust and requeue in the console: what the dialog listed is signed, and nothing else runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from textual.widgets import Button, Input, TextArea

from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.review import ReviewDialog
from asok_console.tui.widgets.long_lines import LongLines
from asok_core.backends.roles import Reader
from asok_core.errors import Unreachable
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from tests.fixtures.bench import dead_job, foreign_dead_job
from tests.fixtures.console import Hand, Open
from tests.fixtures.worker import TASKS, RunWorker
from tests.programs import PATIENCE, wait_until
from tests.tui import seed
from tests.tui.seed import KEYS


class Attack:
    """Dead jobs of the framework, and another client that can write to Redis."""

    def __init__(self, client: redis.Redis, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.pwned = folder / "pwned"
        self.job = self.harmless("shown", 1)

    def harmless(self, word: str, n: int) -> Job:
        return Job(seed.job_id(n), TASKS, "note", (word,))

    @property
    def equivalent(self) -> Job:
        """A job of the same id that runs a command."""
        return replace(self.job, module="os", function="system", args=(f"touch {self.pwned}",))

    def put(self, *jobs: Job) -> None:
        now = seed.server_time(self.client)
        self.client.rpush(KEYS.dead, *(foreign_dead_job(job, now - 60) for job in jobs))

    def run(self, run_worker: RunWorker) -> list[str]:
        """Run all that is pending by a real worker: what its tasks wrote."""
        journal = self.folder / "journal"
        self.client.lpush(KEYS.queue("default"), seal(self.harmless("last", 2), seed.KEYRING))
        run_worker("--concurrency", "1", "--processes", "1", ASOK_TASK_MODULES=f"{TASKS},os:system")
        wait_until(lambda: journal.exists() and "last" in journal.read_text(), "the last job")
        assert not self.pwned.exists()
        return journal.read_text().splitlines()


@pytest.fixture
def attack(redis_client: redis.Redis, tmp_path: Path) -> Attack:
    return Attack(redis_client, tmp_path)


async def to_the_dialog(hand: Hand) -> ConfirmationDialog:
    await hand.press("6")
    await hand.until(lambda: hand.rows.row is not None, "a dead job")
    await hand.press("T")
    await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
    assert isinstance(hand.app.screen, ConfirmationDialog)
    return hand.app.screen


async def trust(hand: Hand) -> None:
    await hand.sees("Type trust to confirm")
    await hand.press(*"trust", "enter", "enter")


@pytest.mark.parametrize("page", ["list", "job"])
async def test_the_counterpart_of_a_harmless_job_never_runs(
    attack: Attack, open_console: Open, run_worker: RunWorker, page: str
) -> None:
    """Two entries with one id: one is harmless, the other runs a command."""
    attack.put(attack.job, attack.equivalent)
    before = attack.client.lrange(KEYS.dead, 0, -1)
    async with open_console(size=(120, 40)) as hand:
        if page == "job":
            await hand.press("6")
            await hand.until(lambda: hand.rows.row is not None, "a dead job")
            await hand.press("enter")
            await hand.sees("⚠ unsigned")
            await hand.press("T")
            await hand.until(
                lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question"
            )
        else:
            await to_the_dialog(hand)
        await hand.sees("to be signed: 0 dead jobs")
        assert hand.shows("! 2 not signed: shares its id with another dead job")
        assert hand.shows(f'1 ✗ {TASKS}.note("shown")')
        assert hand.shows('1 ✗ os.system("touch ')
        assert hand.app.screen.query_one("#yes", Button).disabled
        assert not hand.app.screen.query(Input)
        await hand.press(*"trust", "enter")
        await hand.until(
            lambda: not isinstance(hand.app.screen, ConfirmationDialog), "the dialog closed"
        )
    assert attack.client.lrange(KEYS.dead, 0, -1) == before
    assert attack.run(run_worker) == ["last"]


async def test_what_is_replaced_while_the_dialog_asks_never_runs(
    attack: Attack, open_console: Open, run_worker: RunWorker
) -> None:
    attack.put(attack.job)
    async with open_console() as hand:
        await to_the_dialog(hand)
        assert hand.shows(f'1 × {TASKS}.note("shown")')
        attack.client.delete(KEYS.dead)
        attack.put(attack.equivalent)
        await trust(hand)
        await hand.sees("Requeued 0 jobs (1 skipped: not as reviewed)")
    assert attack.run(run_worker) == ["last"]


async def test_what_was_listed_runs(
    attack: Attack, open_console: Open, run_worker: RunWorker
) -> None:
    attack.put(attack.job, attack.harmless("too", 3))
    async with open_console() as hand:
        await hand.open_list("6", of=2)
        await hand.press("a")
        await to_the_dialog(hand)
        await hand.sees("Trust and requeue 2 dead jobs?")
        assert hand.shows("to be signed: 2 dead jobs (1 task, 2 distinct calls)")
        await trust(hand)
        await hand.sees("Requeued 2 jobs")
    assert sorted(attack.run(run_worker)) == ["last", "shown", "too"]


async def test_thousands_of_distinct_calls_are_all_there_page_by_page(
    attack: Attack, open_console: Open
) -> None:
    attack.put(*(attack.harmless(f"call {n}", 10 + n) for n in range(3000)))
    attack.put(replace(attack.equivalent, args=("x" * 1000 + "END OF LONG",)))
    async with open_console(size=(120, 40), view="dead", filter="age:>0s") as hand:
        await hand.until(lambda: hand.shows("1 of 3,001"), "all dead jobs")
        await hand.press("A")
        await hand.sees("● 3,001 marked")
        screen = await to_the_dialog(hand)
        calls = screen.query_one(LongLines)
        await hand.until(lambda: calls.size.height > 1, "the list laid out")
        assert hand.shows('1 × os.system("xxx'), "the rarest task comes first"
        page = calls.size.height
        seen = lines_of(calls)
        await hand.press("pagedown")
        await hand.until(lambda: calls.scroll_y == page, "the second page")
        # What the key does, without drawing each of the pages.
        while calls.scroll_y < calls.max_scroll_y:
            seen += lines_of(calls)
            calls.scroll_to(y=calls.scroll_y + page, animate=False, immediate=True)
        seen += lines_of(calls)
        assert "END OF LONG" in seen
        assert all(f'{TASKS}.note("call {n}")' in seen for n in range(3000))
        await hand.press("pageup")
        await hand.until(lambda: calls.scroll_y < calls.max_scroll_y, "the page before the last")
        for size in ((80, 24), (120, 40), (200, 60)):
            # Each part of the dialog is on the screen, and the list has what is left.
            await hand.pilot.resize_terminal(*size)
            await hand.until(lambda: hand.shows("Back"), "the buttons")
            for words in (
                "Trust and requeue 3,001 dead jobs?",
                "Type trust to confirm",
                "Redis",
                "Same as",
            ):
                assert hand.shows(words)
            assert calls.size.height > 2
            calls.focus()
            await hand.press("home")
            await hand.until(lambda: calls.scroll_y == 0, "the first page")
            await hand.press("end")
            await hand.sees(f'{TASKS}.note("call 999")')


def lines_of(calls: LongLines) -> str:
    """What is visible of a list, with broken lines joined."""
    lines = [calls.render_line(y).text for y in range(calls.size.height)]
    return "".join(line.removeprefix(" " * 12).rstrip() for line in lines)


async def test_long_lines_break_at_the_width_of_the_terminal(
    attack: Attack, open_console: Open
) -> None:
    attack.put(replace(attack.job, args=("山" * 50, "\x1b]52;c;AAAA\x07", "x" * 400)))
    async with open_console(size=(80, 24)) as hand:
        screen = await to_the_dialog(hand)
        await hand.sees("\\u5c71\\u5c71")
        calls = screen.query_one(LongLines)
        for width in (120, 60, 200):
            await hand.pilot.resize_terminal(width, 40)
            await hand.until(lambda: calls.size.width <= width, "the new width")  # noqa: B023
            assert all(
                calls.render_line(y).cell_length == calls.size.width
                for y in range(calls.size.height)
            )
            shown = "".join(line[12:].rstrip() for line in drawn_lines(calls))
            assert "x" * 400 in shown
            assert "\\u001b]52;c;AAAA\\u0007" in shown


def drawn_lines(calls: LongLines) -> list[str]:
    return [calls.render_line(y).text for y in range(calls.virtual_size.height)]


async def test_what_is_shown_of_a_long_name_and_of_megabytes_ends_as_it_is(
    attack: Attack, open_console: Open
) -> None:
    """Text that runs from right to left, and what is not visible, is shown as escapes."""
    attack.put(
        replace(attack.job, module="m" * 300 + ".\u202eos"),
        replace(attack.harmless("x" * 4_000_000 + "THE END", 3), kwargs={"\u200bkey": "\x1b[2J"}),
    )
    async with open_console(size=(120, 40)) as hand:
        await hand.open_list("6", of=2)
        await hand.press("a")
        screen = await to_the_dialog(hand)
        await hand.sees("to be signed: 2 dead jobs (2 tasks, 2 distinct calls)")
        calls = screen.query_one(LongLines)
        await hand.until(lambda: calls.size.height > 1, "the list laid out")
        calls.focus()
        seen = ""
        for key in ("home", "end"):
            await hand.press(key)
            seen += lines_of(calls)
        assert 'm.\\u202eos".note' in seen
        assert 'THE END", "\\u200bkey"="\\u001b[2J")' in seen


class Slow:
    """A reader whose scans wait until they may continue, or fail."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.proceed = threading.Event()
        self.scans = 0
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, *args: Any, **options: Any) -> Iterator[Any]:
        for page in self._reader.scan(*args, **options):
            self.scans += 1
            self.proceed.wait(PATIENCE)
            if self.error is not None:
                raise self.error
            yield page


@contextmanager
def slow_reader() -> Iterator[tuple[Callable[[Reader], Any], list[Slow]]]:
    made: list[Slow] = []

    def make(reader: Reader) -> Slow:
        made.append(Slow(reader))
        return made[-1]

    try:
        yield make, made
    finally:
        for each in made:
            each.proceed.set()


async def test_reading_can_be_left_and_reports_its_errors(
    attack: Attack, open_console: Open
) -> None:
    attack.put(attack.job)
    with slow_reader() as (make, made):
        async with open_console(reading=make) as hand:
            await hand.press("6")
            await hand.until(lambda: hand.rows.row is not None, "a dead job")
            for leave in ("escape", "n", "enter"):
                await hand.press("T")
                await hand.sees("Reading the jobs that would be signed")
                assert isinstance(hand.app.screen, ReviewDialog)
                # Neither a yes nor the word does anything here.
                await hand.press("y", *"trust")
                assert isinstance(hand.app.screen, ReviewDialog)
                await hand.press(leave)
                await hand.until(lambda: len(hand.app.screen_stack) == 1, "the view")
            made[0].error = Unreachable("redis is not there")
            made[0].proceed.set()
            await hand.press("T")
            await hand.sees("✗ redis is not there")
            await hand.press("escape")
            made[0].error = None
            await hand.press("T")
            await hand.sees("Type trust to confirm")


async def test_an_edit_is_of_the_entry_that_was_edited(
    attack: Attack, open_console: Open, run_worker: RunWorker
) -> None:
    job = attack.harmless("shown", 1)
    now = seed.server_time(attack.client)
    attack.client.rpush(KEYS.dead, dead_job(job, now - 60))
    async with open_console() as hand:
        await hand.press("6")
        await hand.until(lambda: hand.rows.row is not None, "a dead job")
        await hand.press("e")
        await hand.sees("✓ the same as before")
        hand.app.screen.query_one(TextArea).text = '{"args": ["edited"], "kwargs": {}}'
        await hand.press("ctrl+s")
        await hand.sees("Requeue 1 dead job with changed arguments?")
        # It failed again in between, with the same id.
        attack.client.delete(KEYS.dead)
        attack.client.rpush(KEYS.dead, dead_job(job, now - 30))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 0 jobs with changed arguments (1 skipped: not as reviewed)")
    assert attack.run(run_worker) == ["last"]
