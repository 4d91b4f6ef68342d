"""Undo, and the view of what operators did."""

from __future__ import annotations

import os

import redis

from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def purge_all(hand: Hand, count: int) -> None:
    await hand.open_list("6", of=count)
    await hand.press("D")
    await hand.sees(f"Purge {count} dead jobs?")
    await hand.press("shift+tab", *"purge", "enter", "enter")
    await hand.sees(f"Purged {count} jobs")


async def test_z_takes_the_last_purge_back(redis_client: redis.Redis, open_console: Open) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    before = redis_client.lrange(KEYS.dead, 0, -1)
    async with open_console() as hand:
        await hand.press("z")
        assert len(hand.app.screen_stack) == 1
        await purge_all(hand, 6)
        await hand.until(lambda: hand.app.flow.last_undoable is not None)
        await hand.press("z")
        await hand.sees("Restore 6 jobs?")
        await hand.sees("asok trash restore")
        assert "all of them" not in hand.screen(), "it is about one operation"
        await hand.press("tab", "enter")
        await hand.sees("Restored 6 jobs")
        assert redis_client.lrange(KEYS.dead, 0, -1) == before


async def test_a_trash_of_another_type_is_named_and_not_undone(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    async with open_console(size=(120, 30)) as hand:
        await purge_all(hand, 6)
        await hand.press("7")
        await hand.sees("1 can be undone")
        await hand.sees("z undo")
        found = (os.fsdecode(each) for each in redis_client.keys(KEYS.trash("*")))
        (key,) = (each for each in found if not each.endswith(":at"))
        redis_client.delete(key)
        redis_client.set(key, "text", ex=600)
        await hand.sees(f"The key {key} is not a list: what is in the trash cannot be read.")
        assert hand.shows("⚠ no list")
        assert not hand.shows("z undo")


async def test_the_trash_of_an_action_is_deleted_after_typed_confirmation(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for count in (2, 6):
        redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), count))
        async with open_console() as hand:
            await purge_all(hand, count)
    async with open_console(size=(120, 30)) as hand:
        await hand.press("7")
        await hand.sees("2 can be undone")
        await hand.press("d")
        await hand.sees("Delete 6 jobs from the trash?")
        await hand.sees("asok trash empty")
        await hand.sees("cannot be restored")
        await hand.press("shift+tab", *"empty", "enter", "enter")
        await hand.sees("Deleted 6 jobs from the trash")
        await hand.sees("1 can be undone")
        await hand.press("g")
        await hand.press("d")
        assert len(hand.app.screen_stack) == 1, "the newest action is the one that deleted"
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("D")
        await hand.sees("Delete 2 jobs from the trash?")
        await hand.press("shift+tab", *"empty", "enter", "enter")
        await hand.sees("Deleted 2 jobs from the trash")
        assert redis_client.keys("asok:trash:*") == []
        await hand.press("D")
        assert len(hand.app.screen_stack) == 1, "there is nothing left to delete"


async def test_a_full_redis_is_named_and_gets_its_memory_back(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    redis_client.config_set("maxmemory", 1)
    try:
        async with open_console(size=(120, 30)) as hand:
            await hand.sees(": it accepts no new jobs")
            await purge_all(hand, 6)
            await hand.press("7")
            await hand.sees("1 can be undone")
            await hand.press("D")
            await hand.sees("Delete 6 jobs from the trash?")
            await hand.press("shift+tab", *"empty", "enter", "enter")
            await hand.sees("Deleted 6 jobs from the trash")
        assert redis_client.keys("asok:trash:*") == []
    finally:
        redis_client.config_set("maxmemory", 0)


async def test_a_read_only_session_cannot_empty_the_trash(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 2))
    async with open_console() as hand:
        await purge_all(hand, 2)
    async with open_console(size=(120, 30), read_only=True) as hand:
        await hand.press("7")
        await hand.sees("purge")
        await hand.press("d")
        await hand.press("D")
        assert len(hand.app.screen_stack) == 1
        assert redis_client.keys("asok:trash:*")


async def test_another_console_sees_what_was_done_and_undoes_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    async with open_console() as hand:
        await purge_all(hand, 6)
    async with open_console(size=(120, 30)) as hand:
        await hand.press("7")
        await hand.sees("purge")
        await hand.sees("1 can be undone")
        await hand.press("z")
        await hand.sees("Restore 6 jobs?")
        await hand.press("tab", "enter")
        await hand.sees("Restored 6 jobs")
        assert redis_client.llen(KEYS.dead) == 6
