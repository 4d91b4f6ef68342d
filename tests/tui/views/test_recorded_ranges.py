"""Ranges of the plot that supervisors recorded: figures by the hour, dates, gaps, and events."""

from __future__ import annotations

import math
from typing import Any

import pytest
import redis

from asok_console.tui.widgets.plot import Plot
from asok_core.clock import HOUR
from tests.fixtures.console import Hand, Open
from tests.fixtures.past import Past
from tests.tui import seed

BEFORE = "left_square_bracket"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def past(redis_client: redis.Redis) -> Past:
    return Past(redis_client)


def plot_of(hand: Hand, name: str = "main") -> Plot:
    return hand.app.query_one(f"#{name}", Plot)


@pytest.mark.parametrize("size", SIZES)
async def test_two_weeks_have_dates_and_their_gaps_are_drawn_as_such(
    redis_client: redis.Redis, open_console: Open, past: Past, size: tuple[int, int]
) -> None:
    seed.pending(redis_client, "default", 3, first=1, age=5)
    for ago in range(300, 250, -1):
        past.hour("default", ago, completed=7_200)
        past.hour(None, ago, completed=7_200)
    async with open_console(size=size) as hand:
        await hand.press(BEFORE)
        await hand.sees("last 14 d")
        await hand.sees("· not recorded")
        if size[0] > 80:
            await hand.sees("last 14 d (15 % recorded)")
        # The axis has dates, and what is not recorded is drawn on the lowest line.
        lines = hand.screen().splitlines()
        axis = next(line for line in lines if " UTC " in line and line.rstrip().endswith("now"))
        assert any(month in axis[20:] for month in MONTHS), axis
        assert any(line.count("·") > 20 for line in lines)
        known = [value for value in plot_of(hand)._bands[0] if not math.isnan(value)]
        assert known[0] == pytest.approx(2.0)
        await hand.press(BEFORE)
        await hand.sees("last 7 d")
        await hand.sees("  not recorded")
        assert all(plot_of(hand)._gaps)


async def test_the_cursor_reads_an_hour_of_a_queue_with_its_date_and_what_is_unknown(
    redis_client: redis.Redis, open_console: Open, past: Past
) -> None:
    seed.pending(redis_client, "default", 3, first=1, age=5)
    start = past.hour("default", 40, recorded=30, completed=3_600, failed=1_800)
    async with open_console(size=(200, 60)) as hand:
        await hand.sees("all queues")
        await hand.press("j", BEFORE, BEFORE)
        await hand.sees("Finished/s, queue default, last 7 d")
        # Of half an hour that is recorded it is the mean of that half.
        plot_of(hand).read_at(start + HOUR / 2)
        await hand.sees("completed 2.0/s")
        await hand.sees("failed 1.0/s")
        # The title gives way to what is read.
        await hand.sees("Highest backlog, last 7 d")
        plot_of(hand, "backlog").read_at(start + HOUR / 2)
        await hand.sees("pending 5")
        plot_of(hand).read_at(start - HOUR / 2)
        await hand.sees("completed –")
        await hand.press("m")
        await hand.sees("Enqueued/s, queue default, last 7 d")


async def test_a_recorded_range_marks_older_events_than_a_snapshot_has(
    redis_client: redis.Redis, open_console: Open, past: Past
) -> None:
    seed.pending(redis_client, "default", 3, first=1, age=5)
    past.hour("default", 40, completed=1)
    moment = past.now - 40 * HOUR
    paused: Any = {"kind": "queue_paused", "queue": "default", "at": f"{moment}"}
    redis_client.xadd("asok:events", paused, id=f"{moment * 1000}-1")
    started: Any = {"kind": "worker_started", "worker": "w", "at": f"{past.now - 60}"}
    for n in range(250):
        redis_client.xadd("asok:events", started, id=f"{(past.now - 60) * 1000}-{n + 1}")
    redis_client.expire("asok:events", 600)
    async with open_console(size=(120, 40)) as hand:
        await hand.press(BEFORE, BEFORE)
        await hand.sees("last 7 d")
        plot = plot_of(hand)
        await hand.until(lambda: any(each.at == moment for each in plot._marks), "the mark")


async def test_values_that_are_not_known_are_not_in_the_mean_of_their_neighbours() -> None:
    from asok_console.presentation.compact import pool

    assert pool([1.0, math.nan, 3.0, 5.0], 2) == [1.0, 4.0]
    assert math.isnan(pool([math.nan, math.nan, 3.0, 5.0], 2)[0])
