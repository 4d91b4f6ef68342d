"""The view of tasks: what each did, sorted, filtered, over two ranges, and the way to its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from asok_console.tui.screens.task import TaskScreen
from asok_console.tui.views import tasks as tasks_view
from asok_console.tui.views.shared.task_table import TaskList
from asok_console.tui.views.tasks import TasksView
from asok_core.backends.redis.reading import tasks as task_reader
from tests.backends.redis.reading.seed import work
from tests.backends.redis.reading.test_tasks import Tasks
from tests.fixtures.console import Hand, Open
from tests.tui import seed


def listed(hand: Hand) -> list[str]:
    rows = hand.app.query_one(TaskList).window.loaded
    return [line.row.name for line in rows]


async def lists(hand: Hand, *names: str) -> None:
    await hand.until(lambda: listed(hand) == list(names), f"{names}; it lists {listed(hand)}")


async def test_tasks_are_sorted_by_what_is_chosen(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(200, 40)) as hand:
        await hand.sees("last hour")
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
        by_time = listed(hand)
        assert by_time[0] == "shop.reports.monthly"
        assert hand.shows("(other)")
        await hand.press("s")
        await hand.sees("by attempts")
        await hand.until(lambda: listed(hand)[0] == "shop.search.reindex", "the busiest first")
        await hand.press("s")
        await hand.sees("by failure rate")
        await hand.until(lambda: listed(hand)[0] == "shop.billing.charge", "what fails first")


async def test_many_tasks_are_shown_as_they_are_read(
    redis_client: redis.Redis, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with hundreds of tasks over two weeks, of which a step reads some."""
    monkeypatch.setattr(task_reader, "BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(tasks_view, "PATIENCE", 0.0)
    monkeypatch.setattr(tasks_view, "MORE_PATIENCE", 0.0)
    headings, describe = [], TasksView.describe

    def noted(self: TasksView) -> Sequence[tuple[str, str]]:
        found = describe(self)
        headings.append(" ".join(text for text, _ in found))
        return found

    monkeypatch.setattr(TasksView, "describe", noted)
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(200, 40)) as hand:
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
        await hand.sees("attempts ended")
    # As long as some are not read, nothing is stated of all together.
    partial = [each for each in headings if "more task" in each]
    assert partial
    assert not any("ended" in each for each in partial)


async def test_tasks_are_filtered_by_name(redis_client: redis.Redis, open_console: Open) -> None:
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 40)) as hand:
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
        await hand.press("slash", *"billing", "enter")
        await lists(hand, "shop.billing.charge")
        await hand.press("escape")
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")


async def test_a_day_is_read_by_the_hour(redis_client: Any, open_console: Open) -> None:
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 40)) as hand:
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
        await hand.press("right_square_bracket")
        await hand.sees("last 24 h")
        # The seeds have minutes alone.
        await hand.sees("No task was counted in this range.")
        await hand.press("right_square_bracket")
        await hand.sees("last 14 d")
        await hand.sees("No task was counted in this range.")
        await hand.press("left_square_bracket", "left_square_bracket")
        await hand.sees("last hour")
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")


async def find_charge(hand: Hand) -> None:
    """List one task of all that were seeded."""
    await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
    await hand.press("slash", *"charge", "enter")
    await lists(hand, "shop.billing.charge")


async def test_a_key_leads_to_the_jobs_of_a_task_and_back(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 40)) as hand:
        await find_charge(hand)
        for key, title in (("F", "Dead jobs"), ("L", "Delayed"), ("B", "recent jobs")):
            await hand.press(key)
            await hand.sees(title)
            await hand.sees("⌕ task:=shop.billing.charge")
            await hand.press("escape")
            await hand.sees("Tasks   last hour")
            assert hand.app.view_name == "tasks"


async def test_other_tasks_together_lead_nowhere(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 40)) as hand:
        await hand.until(lambda: len(listed(hand)) == 6, "six tasks")
        await hand.press("slash", *"other", "enter")
        await lists(hand, "other")
        await hand.press("F")
        await hand.press("enter")
        assert hand.app.view_name == "tasks"


async def test_tasks_that_are_worse_since_a_release_are_marked(
    redis_client: Any, open_console: Open
) -> None:
    made = Tasks(redis_client, "")
    for task, run in (("shop.slow", 44), ("shop.same", 33)):
        made.minute(task, 30, 200, 33)
        made.minute(task, 5, 60, run)
    async with open_console(view="tasks", size=(80, 24)) as hand:
        await lists(hand, "shop.same", "shop.slow")
        assert not hand.shows("worse")
        at = made.now // 60 * 60 - 600
        change = {"kind": "release_changed", "at": at, "from": "9b00d7", "to": "4f2a1c"}
        redis_client.xadd("asok:events", change, id=f"{made.now * 1000}-0")
        redis_client.expire("asok:events", 600)
        await hand.sees("↑ 1 worse since 4f2a1c (1")
        screen = hand.screen().splitlines()
        (slow,) = (line for line in screen if "shop.slow" in line)
        (same,) = (line for line in screen if "shop.same" in line)
        assert "↑2.0 s" in slow
        assert "↑" not in same
        assert not hand.shows("mixture")


async def test_figures_of_a_mixture_of_releases_are_marked_as_that(
    redis_client: Any, open_console: Open
) -> None:
    made = Tasks(redis_client, "")
    made.minute("shop.slow", 30, 200, 33)
    made.minute("shop.slow", 5, 60, 44)
    at = made.now // 60 * 60 - 600
    change = {"kind": "release_changed", "at": at, "from": "9b00d7", "to": "4f2a1c"}
    redis_client.xadd("asok:events", change, id=f"{made.now * 1000}-0")
    redis_client.expire("asok:events", 600)
    work(redis_client, "w1", "default", release="4f2a1c")
    work(redis_client, "w2", "default", release="9b00d7")
    async with open_console(view="tasks", size=(120, 24)) as hand:
        await hand.sees("↑ 1 worse since 4f2a1c (1")
        await hand.sees(", a mixture of releases")


async def test_the_page_of_a_task_compares_releases(redis_client: Any, open_console: Open) -> None:
    made = Tasks(redis_client, "")
    made.minute("shop.slow", 30, 200, 33)
    made.minute("shop.slow", 5, 60, 44)
    at = made.now // 60 * 60 - 600
    async with open_console(view="tasks", size=(80, 30)) as hand:
        await lists(hand, "shop.slow")
        await hand.press("enter")
        await hand.sees("Job size")
        assert not hand.shows("Release")
        change = {"kind": "release_changed", "at": at, "from": "9b00d7", "to": "4f2a1c"}
        redis_client.xadd("asok:events", change, id=f"{made.now * 1000}-0")
        redis_client.expire("asok:events", 600)
        await hand.sees("Release    since 4f2a1c (1")
        await hand.sees("slower; 200 attempts in the 1 h before, 60 since, in whole")
        # What does not fit into a line is on the next one.
        await hand.sees("  minutes")
        # Another range of the figures has the same comparison.
        await hand.press("right_square_bracket")
        await hand.sees("Task shop.slow   last 24 h")
        await hand.sees("Release    since 4f2a1c (1")


async def test_enter_opens_the_page_of_a_task(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 60)) as hand:
        await find_charge(hand)
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, TaskScreen), "the page")
        await hand.sees("Task shop.billing.charge   last hour")
        await hand.sees("Run time of attempts")
        await hand.sees("Wait before an attempt")
        await hand.sees("Where its jobs are")
        await hand.sees("Errors of its dead jobs")
        await hand.press("right_square_bracket")
        await hand.sees("Task shop.billing.charge   last 24 h")
        await hand.press("right_square_bracket")
        await hand.sees("Task shop.billing.charge   last 14 d")
        await hand.press("escape")
        await hand.sees("Tasks   last hour")


async def test_the_page_of_a_task_leads_to_its_jobs(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    seed.tasks(redis_client)
    async with open_console(view="tasks", size=(120, 60)) as hand:
        await find_charge(hand)
        for key, title in (
            ("F", "Dead jobs"),
            ("L", "Delayed"),
            ("B", "recent jobs"),
            ("N", "Queue"),
        ):
            await hand.press("enter")
            await hand.sees("Where its jobs are")
            await hand.press("right_square_bracket")
            await hand.sees("Task shop.billing.charge   last 24 h")
            await hand.press(key)
            await hand.sees(title)
            await hand.sees("⌕ task:=shop.billing.charge")
            await hand.press("escape")
            # The range is the one that was chosen there.
            await hand.sees("Task shop.billing.charge   last 24 h")
            await hand.sees("Where its jobs are")
            await hand.press("escape")
            await hand.sees("Tasks   last hour")
            assert hand.app.view_name == "tasks"
