"""Workers that run different releases of the application are shown as such."""

from __future__ import annotations

import redis

from asok_core.backends.redis.keys import Keys
from tests.fixtures.console import Open
from tests.tui import seed

KEYS = Keys()


async def test_the_releases_of_workers_are_named(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.workers(redis_client)
    async with open_console(view="workers", size=(160, 40)) as hand:
        await hand.sees("2 alive")
        assert not hand.shows("release")
        redis_client.hset(KEYS.worker("web-1"), "release", "4f2a1c")
        await hand.sees("2 releases: 1 on not known, 1 on 4f2a1c")
        redis_client.hset(KEYS.worker("web-2"), "release", "4f2a1c")
        await hand.sees("release 4f2a1c")
        assert not hand.shows("2 releases")
        for worker in ("web-1", "web-2"):
            redis_client.hset(KEYS.worker(worker), "release_source", "git commit")
        await hand.sees("release 4f2a1c (git commit)")
        await hand.press("slash", *"4f2", "enter")
        await hand.sees("2 of 2")


async def test_a_wide_list_names_the_release_of_each_worker(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.workers(redis_client)
    redis_client.hset(KEYS.worker("web-1"), "release", "4f2a1c")
    async with open_console(view="workers", size=(200, 40)) as hand:
        await hand.sees("2 releases")
        screen = hand.screen().splitlines()
        titles = next(line for line in screen if "Heartbeat" in line)
        (row,) = (line for line in screen if "web-1 " in line and " 4f2a1c " in line)
        assert row.index("4f2a1c") == titles.index("Release")
