"""Hostile names and figures of tasks: none reaches the terminal raw, or stops the list or the page."""

from __future__ import annotations

from typing import Any

import pytest
from textual.message import Message

from asok_console.tui.data.poller import ReadFailed
from asok_console.tui.screens.task import TaskScreen
from asok_console.tui.views.shared.task_table import TaskList
from tests.backends.redis.reading.test_tasks import Tasks
from tests.fixtures.console import Hand, Open
from tests.hidden import hidden_in
from tests.tui import hostile
from tests.tui.seed import KEYS

NAMES = (
    "m.\x1b[2J\x1b]52;c;ZXZpbA==\x07",
    "[/red][@click=app.quit]x.quit",
    "m.user\u202efdp.exe\u200b\u2066",
    "決済.支払い" * 20,
    "m." + "x" * 254,
    "m.one\r\ntwo\tthree\u2028",
)
BLOCKS: dict[str, bytes] = {
    "m.nonsense": b"\xff" * 999,
    "m.cut": b"\x00\x01",
    "m.sizes": b"\x11" * 40 + bytes([255, 255, 255]),
    "m.zeros": bytes(300_000),
    "m.large": b"\x88" * 4_000 + bytes([59, 15, 160]),
}


def failures_of(hand: Hand) -> list[str]:
    """What cannot be read from now on."""
    found: list[str] = []
    post = hand.app.poller._post

    def listening(message: Message) -> object:
        if isinstance(message, ReadFailed):
            found.append(message.line)
        return post(message)

    hand.app.poller._post = listening
    return found


def looks_whole(hand: Hand) -> None:
    """Every line has the width, and nothing hidden is there."""
    strips = hand.app.screen._compositor.render_strips()
    width, height = hand.app.size
    assert [strip.cell_length for strip in strips] == [width] * height
    assert not hidden_in(hand.screen().replace("\n", "")), ascii(hand.screen())


async def look_at_page(hand: Hand) -> None:
    """Open the page of the task under the cursor, look at each range, and return."""
    await hand.press("enter")
    await hand.until(lambda: isinstance(hand.app.screen, TaskScreen), "the page")
    for said in ("last hour", "last 24 h", "last 14 d"):
        await hand.sees(said)
        await hand.sees("Attempts  ")
        await hand.until(lambda: not hand.shows("reading …"), "the figures")
        looks_whole(hand)
        await hand.press("right_square_bracket")
    await hand.press("escape")
    await hand.sees("Tasks   last hour")


@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["small", "large"])
async def test_the_name_of_a_task_stays_a_text(
    redis_client: Any, open_console: Open, size: tuple[int, int]
) -> None:
    made = Tasks(redis_client, "")
    for number, name in enumerate(NAMES):
        made.minute(name, 1, 50 - number)
    hostile.text_everywhere(redis_client, hostile.TEXTS["ansi"])
    async with open_console(view="tasks", size=size) as hand:
        failures = failures_of(hand)
        rows = hand.app.query_one(TaskList)
        await hand.until(lambda: len(rows.window.loaded) == len(NAMES), "the tasks")
        assert {line.row.name for line in rows.window.loaded} == set(NAMES)
        for _ in NAMES:
            looks_whole(hand)
            await look_at_page(hand)
            await hand.press("j")
        assert not failures
        assert hand.app.return_code is None


@pytest.mark.keeps_keys(r"(?s)asok:.*")
async def test_figures_that_are_invalid_cost_only_the_figures(
    redis_client: Any, open_console: Open
) -> None:
    made = Tasks(redis_client, "")
    hour, day = made.now // 3600 * 3600, made.now // 86_400 * 86_400
    for name, block in BLOCKS.items():
        # The newest entry is nonsense, and below it is one that is valid.
        made.minute(name, 0, 7)
        redis_client.append(KEYS.task_minutes(name, hour), block)
        redis_client.set(KEYS.task_hours(name, day), block, ex=600)
    for key in (KEYS.task_minutes("m.list", hour), KEYS.task_hours("m.list", day)):
        redis_client.lpush(key, "of another type")
        redis_client.expire(key, 600)
    redis_client.zadd(KEYS.tasks(day), {b"\xff\xfe.bytes": 5, "x" * 10_000: 6, "": 7, "m.list": 3})
    made.minute("m.fine", 0, 30)
    async with open_console(view="tasks", size=(120, 40)) as hand:
        failures = failures_of(hand)
        await hand.sees("m.fine")
        looks_whole(hand)
        shown = {line.row.name: line.row for line in hand.app.query_one(TaskList).window.loaded}
        assert shown["m.fine"].figures.completed == 30
        assert "m.list" not in shown
        await look_at_page(hand)
        for _ in range(len(shown) - 1):
            await hand.press("j")
            await look_at_page(hand)
        assert not failures
        assert hand.app.return_code is None


@pytest.mark.keeps_keys(r"(?s)asok:.*")
async def test_a_ranking_of_another_type_shows_no_task(
    redis_client: Any, open_console: Open
) -> None:
    made = Tasks(redis_client, "")
    made.minute("m.fine", 0, 30)
    async with open_console(view="tasks", size=(80, 24)) as hand:
        failures = failures_of(hand)
        await hand.sees("m.fine")
        day = made.now // 86_400 * 86_400
        for each in (day, day - 86_400):
            redis_client.set(KEYS.tasks(each), "of another type", ex=600)
        await hand.sees("No task was counted in this range.")
        looks_whole(hand)
        assert not failures
