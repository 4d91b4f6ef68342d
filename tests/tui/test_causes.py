"""Dead letters by cause."""

from __future__ import annotations

import redis

from tests.tui import seed
from tests.tui.conftest import Open
from tests.tui.seed import KEYS


async def test_a_cause_is_opened_and_left_again(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.letters(seed.server_time(redis_client), 41))
    async with open_console(size=(120, 30)) as hand:
        await hand.press("6")
        await hand.sees("1 of 41")
        await hand.press("v")
        await hand.sees("4 causes")
        await hand.sees("TimeoutError: gateway took longer than N")
        await hand.sees("KeyError: '…'")
        await hand.press("enter")
        await hand.sees("11 found")
        assert not hand.shows("KeyError")
        await hand.press("escape")
        await hand.sees("4 causes")
        await hand.press("escape")
        await hand.sees("1 of 41")


async def test_all_of_a_cause_are_requeued_and_later_ones_left_out(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.letters(now, 40))
    async with open_console(size=(120, 30)) as hand:
        await hand.press("6")
        await hand.sees("1 of 40")
        await hand.press("v")
        await hand.sees("4 causes")
        await hand.press("R")
        await hand.sees("Requeue 10 dead letters?")
        redis_client.lpush(KEYS.dead, *seed.letters(now + 90, 8, first=20_000))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 10 dead letters")
        assert redis_client.llen(KEYS.dead) == 38
