"""Keys that close a screen, or the console, before the screen that the key before has opened is there."""

from __future__ import annotations

import asyncio

import pytest
import redis
from textual import events

from tests.fixtures.console import Hand, Open, settled
from tests.programs import wait_until
from tests.tui import seed
from tests.tui.seed import KEYS

OPENS = ("question_mark", "enter", "r", "D", "e", "i", "C", "ctrl+p")
"""Keys that open a screen where dead jobs are listed."""
STEPS = range(5)
"""Steps of the event loop between the two keys."""


@pytest.fixture(autouse=True)
def three_dead_jobs(redis_client: redis.Redis) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))


async def type_fast(hand: Hand, first: str, second: str, steps: int) -> None:
    """Press two keys of which the second comes while the first is being handled."""
    for key in (first, second):
        hand.app.post_message(events.Key(key, key if len(key) == 1 else None))
        for _ in range(steps):
            await asyncio.sleep(0)


async def ended(hand: Hand) -> None:
    """Wait for the end of a console. The pilot would wait for its widgets as well."""
    await asyncio.to_thread(wait_until, lambda: not hand.app.is_running, "the end")


@pytest.mark.parametrize("key", OPENS)
async def test_a_screen_that_is_closed_before_it_is_there_does_no_harm(
    open_console: Open, key: str
) -> None:
    async with open_console(size=(120, 30), view="dead") as hand:
        for steps in STEPS:
            await hand.open_list("6", of=3)
            await type_fast(hand, key, "escape", steps)
            await settled(hand)
            if len(hand.app.screen_stack) > 1:
                # It opened once something was read, after the other key.
                await hand.press("escape")
            await hand.until(lambda: len(hand.app.screen_stack) == 1, "the list")


@pytest.mark.parametrize("key", OPENS)
async def test_a_console_that_is_left_while_a_screen_opens_ends_as_it_should(
    open_console: Open, key: str
) -> None:
    for steps in STEPS:
        async with open_console(size=(120, 30), view="dead") as hand:
            await hand.sees("1 of 3")
            await type_fast(hand, key, "ctrl+c", steps)
            await ended(hand)
        assert hand.app.return_code == 0
