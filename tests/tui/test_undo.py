"""Undo, and the view of what operators did."""

from __future__ import annotations

import redis

from tests.tui import seed
from tests.tui.conftest import Hand, Open
from tests.tui.seed import KEYS


async def purge_all(hand: Hand, count: int) -> None:
    await hand.press("6")
    await hand.sees(f"1 of {count}")
    await hand.press("D")
    await hand.sees(f"Purge {count} dead letters?")
    await hand.press("shift+tab", *"purge", "enter", "enter")
    await hand.sees(f"Purged {count} dead letters")


async def test_z_takes_the_last_purge_back(redis_client: redis.Redis, open_console: Open) -> None:
    redis_client.rpush(KEYS.dead, *seed.letters(seed.server_time(redis_client), 6))
    before = redis_client.lrange(KEYS.dead, 0, -1)
    async with open_console() as hand:
        await hand.press("z")
        assert len(hand.app.screen_stack) == 1
        await purge_all(hand, 6)
        await hand.until(lambda: hand.app.acting.last_undoable is not None)
        await hand.press("z")
        await hand.sees("Undo 6 jobs?")
        await hand.sees("asok trash restore")
        await hand.press("tab", "enter")
        await hand.sees("Restored 6 jobs")
        assert redis_client.lrange(KEYS.dead, 0, -1) == before


async def test_another_console_sees_what_was_done_and_undoes_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.letters(seed.server_time(redis_client), 6))
    async with open_console() as hand:
        await purge_all(hand, 6)
    async with open_console(size=(120, 30)) as hand:
        await hand.press("7")
        await hand.sees("purge")
        await hand.sees("1 can be undone")
        await hand.press("z")
        await hand.sees("Undo 6 jobs?")
        await hand.press("tab", "enter")
        await hand.sees("Restored 6 jobs")
        assert redis_client.llen(KEYS.dead) == 6
