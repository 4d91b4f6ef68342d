"""The page that explains a job, a queue or a worker: the reasons of ``asok explain``, live."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from asok_console.tui.screens.job import JobScreen
from asok_console.tui.screens.why import WhyScreen
from asok_console.tui.views.shared.queue_table import QueueList
from asok_core.backends.redis.audit import STEP
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.inspection.notes import on_job, on_queue
from asok_core.operations.explain import ENTRIES, NEWEST, RecentOperations
from tests.backends.redis.reading.seed import job, push, work
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran
from tests.fixtures.console import Hand, Open, settled
from tests.fixtures.worker import Desk, RunWorker
from tests.tui import seed

KEYS = Keys()
Asok = Callable[..., Ran]


def explains(hand: Hand, name: str) -> Callable[[], bool]:
    """Whether the page of reasons of this name is on the screen."""
    return lambda: isinstance(hand.app.screen, WhyScreen) and hand.app.screen.subject.name == name


async def test_a_pending_job_is_explained_and_the_page_follows_what_changes(
    redis_client: redis.Redis, asok: Asok, open_console: Open
) -> None:
    push(redis_client, job(1), job(2))
    work(redis_client, "w1", "default")
    asok("queue", "pause", "default")
    printed = asok("explain", "job-2").out.splitlines()
    async with open_console(size=(120, 40), view="pending") as hand:
        await hand.sees("1 of 2")
        await hand.press("j", "w")
        await hand.sees("job job-2 of")
        await hand.sees("▸ 1. queue 'default' is paused, since")
        await hand.sees("to change it: asok queue resume default")
        await hand.sees("1 job is ahead of it in queue 'default'")
        # The same lines as the command prints, but for the marker and the age of the pause.
        for line in printed:
            assert line.strip().split(", since")[0] in hand.screen()
        asok("queue", "resume", "default")
        await hand.loses("is paused")
        await hand.sees("▸ 1. ")
        await hand.press("escape")
        await hand.sees("2 of 2")
        assert not hand.shows("to change it")


async def test_what_holds_the_interpreter_is_named_once_the_worker_has_answered(
    desk: Desk, run_worker: RunWorker, open_console: Open
) -> None:
    worker = run_worker("--concurrency", "1", "--processes", "1")
    desk.enqueue("hold_the_interpreter", 600.0)
    desk.wait_for_lines("begin")
    async with open_console(size=(120, 40), view="jobs") as hand:
        await hand.sees("hold_the_interpreter")
        await hand.press("w")
        await hand.sees(
            "▸ 1. no Python code runs in its process: a thread holds the interpreter in C code"
        )
        await hand.sees("asok job stack")
    async with open_console(size=(120, 40), view="jobs", read_only=True) as hand:
        await hand.sees("hold_the_interpreter")
        await hand.press("w")
        await hand.sees("stack: not read: this console is read-only")
    worker.quit()


async def test_its_command_is_copied_as_it_is(
    redis_client: redis.Redis, open_console: Open
) -> None:
    name = "q" * 150 + " '1"
    push(redis_client, job(1, name))
    redis_client.sadd(KEYS.paused, name)
    async with open_console(size=(80, 24), view="pending") as hand:
        await hand.sees("▸       1")
        await hand.press("w")
        await hand.sees("is paused")
        await hand.press("c")
        await hand.until(lambda: hand.app.clipboard.startswith("asok queue resume"))
        assert hand.app.clipboard.endswith("'\"'\"'1'")
        # The next reason: no worker is registered.
        await hand.press("tab")
        await hand.sees("▸ 2. no worker is registered")
        await hand.press("c")
        await hand.until(lambda: hand.app.clipboard.startswith("asok worker --queues"))
        await hand.press("tab", "tab", "tab", "shift+tab", "shift+tab", "shift+tab")
        await hand.sees("▸ 1. ")


async def test_one_key_explains_what_the_cursor_is_on_in_every_list(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("1,335 pending")
        await hand.sees(" w why ")
        await hand.press("w")
        await hand.sees("all queues: 1,335 pending in 4 queues")
        await hand.sees("low (88 pending): queue 'low' is paused")
        await hand.sees("reports (31 pending): no registered worker serves queue 'reports'")
        await hand.press("escape")
        for _ in range(20):
            line = hand.app.query_one(QueueList).row
            if line is not None and not line.whole:
                break
            await hand.press("j")
        queue = hand.app.query_one(QueueList).row.queue.name  # type: ignore[union-attr]
        await hand.sees(" w why ")
        await hand.press("w")
        await hand.sees(f"queue {queue}: ")
        await hand.press("escape")
        for key, sign in (("2", "job "), ("3", "job "), ("4", "job "), ("6", "job ")):
            await hand.press(key)
            await hand.sees("1 of")
            await hand.press("w")
            await hand.until(lambda: isinstance(hand.app.screen, WhyScreen))
            await hand.sees(sign)
            await hand.sees("▸ 1. ")
            await hand.press("q")
            await hand.until(lambda: not isinstance(hand.app.screen, WhyScreen))
        await hand.press("5")
        await hand.sees("threads busy")
        await hand.press("w")
        await hand.sees("worker ")
        await hand.sees("slots busy")
        await hand.press("escape", "j", "w")
        await hand.sees("job ")
        await hand.press("escape", "7")
        await settled(hand)
        assert not hand.shows(" w why ")


async def test_a_worker_that_goes_is_not_claimed_to_be_there(
    redis_client: redis.Redis, open_console: Open
) -> None:
    work(redis_client, "w1", "default")
    async with open_console(size=(120, 40), view="workers") as hand:
        await hand.sees("w1")
        await hand.press("w")
        await hand.sees("worker w1: 0 of")
        redis_client.zrem(KEYS.workers, "w1")
        redis_client.delete(KEYS.worker("w1"))
        await hand.sees("worker w1: not registered")
        await hand.sees("is not registered now")


async def test_the_page_of_a_job_begins_with_the_reason_that_counts_most(
    redis_client: redis.Redis, asok: Asok, open_console: Open
) -> None:
    push(redis_client, job(1), job(2))
    asok("queue", "pause", "default")
    async with open_console(size=(120, 40), view="pending") as hand:
        await hand.sees("1 of 2")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen))
        await hand.sees("queue 'default' is paused, since")
        await hand.press("w")
        await hand.until(explains(hand, "job-1"))
        await hand.press("question_mark")
        await hand.sees("Keys in the page of reasons")
        await hand.press("escape", "escape")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen))
        asok("queue", "resume", "default")
        await hand.sees("no worker is registered")


async def test_lines_that_are_too_long_are_continued_below_their_beginning(
    redis_client: redis.Redis, open_console: Open
) -> None:
    push(redis_client, job(1, "mail"))
    work(redis_client, "w1", *(f"a-queue-with-a-long-name-{number}" for number in range(3)))
    async with open_console(size=(80, 24), view="pending") as hand:
        await hand.sees("1 of 1")
        await hand.press("w")
        await hand.sees("workers: 1; they serve:")
        lines = hand.screen().splitlines()
        at = next(at for at, line in enumerate(lines) if "they serve:" in line)
        assert lines[at + 1].startswith("       a-queue-with-a-long-name-")


async def test_a_page_of_reasons_is_read_without_a_right_to_change_anything(
    redis_client: redis.Redis, open_console: Open
) -> None:
    push(redis_client, job(1))
    async with open_console(size=(80, 24), view="pending", read_only=True) as hand:
        await hand.sees("1 of 1")
        await hand.press("w")
        await hand.sees("no worker is registered")


async def test_what_is_explained_is_safe_to_show(
    redis_client: redis.Redis, open_console: Open
) -> None:
    push(redis_client, job(1, "q\x1b[2J[red]"))
    async with open_console(size=(80, 24), view="pending") as hand:
        await hand.sees("1 of 1")
        await hand.press("w")
        await hand.sees("no worker is registered")
        assert "\x1b" not in hand.screen()


@pytest.fixture
def reader(bench: Bench) -> RedisReader:
    return RedisReader(Endpoint(bench.url), Keys())


class TestRecentOperations:
    """The audit is read once, then as far as it is new."""

    def test_a_pause_before_many_operations_is_found_by_commands_of_bounded_cost(
        self, bench: Bench, reader: RedisReader
    ) -> None:
        operations = RecentOperations()
        bench.operator.pause("first")
        for number in range(STEP + 30):
            bench.operator.resume(f"q{number}")
        found = operations.read(reader)
        assert len(found) == STEP + 31
        assert found[-1].queue == "first"
        bench.operator.pause("second")
        again = operations.read(reader)
        assert (again[0].queue, again[-1].queue) == ("second", "first")
        assert len(again) == STEP + 32

    def test_more_than_are_read_again_are_not_left_out(
        self, bench: Bench, reader: RedisReader
    ) -> None:
        operations = RecentOperations()
        bench.operator.pause("a")
        operations.read(reader)
        for number in range(NEWEST + 5):
            bench.operator.resume(f"q{number}")
        assert [each.queue for each in operations.read(reader)] == [
            *(f"q{number}" for number in reversed(range(NEWEST + 5))),
            "a",
        ]
        assert ENTRIES >= NEWEST


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_notes_on_what_is_explained_are_above_its_reasons(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    waiting = bench.job()
    bench.add_pending(waiting)
    bench.operator.write_note(on_queue("default"), "import until 6\u202e")
    async with open_console(size=size, view="pending") as hand:
        await hand.sees("▸       1")
        await hand.press("w")
        await hand.sees("✎ note on queue 'default'")
        await hand.sees("▸ 1. no worker is registered")
        shown = hand.screen()
        assert shown.index("✎ note on queue") < shown.index("▸ 1. ")
        assert "\u202e" not in shown
        bench.operator.write_note(on_job(waiting.id, waiting.task), "ask Ann")
        await hand.sees("✎ note on job ")
        bench.operator.write_note(on_queue("default"), "")
        bench.operator.write_note(on_job(waiting.id, waiting.task), "")
        await hand.loses("✎")
