"""Redis goes and comes back while the console is open."""

from __future__ import annotations

from collections.abc import Callable

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_the_last_picture_stays_and_the_console_comes_back(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis("--appendonly", "yes")
    with redis.Redis.from_url(server.url) as client:
        client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(client), 8))
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    async with open_console(settings=settings) as hand:
        await hand.press("6", "j", "j", "space")
        await hand.sees("4 of 8")
        server.stop()
        await hand.sees("cannot reach Redis")
        await hand.sees("Data is")
        assert "4 of 8" in hand.screen()
        await hand.press("j")
        await hand.sees("5 of 8")
        server.start()
        await hand.loses("cannot reach Redis")
        await hand.sees("● live")
        assert "● 1 marked" in hand.screen()
        assert "5 of 8" in hand.screen()


async def test_an_action_that_redis_refuses_is_reported(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(client), 8))
        client.execute_command(
            "ACL", "SETUSER", "looker", "on", ">pw", "~*", "&*", "+@all", "-@write", "-@scripting"
        )
    url = server.url.replace("unix://", "unix://looker:pw@")
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
    )
    async with open_console(settings=settings) as hand:
        await hand.open_list("6", of=8)
        await hand.press("r")
        await hand.sees("Requeue 1 dead job?")
        await hand.press("tab", "enter")
        await hand.sees("✗ Requeue 1 dead job: ")
        await hand.sees("this user may not do that")
