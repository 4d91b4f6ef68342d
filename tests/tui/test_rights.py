"""A user of Redis without the right to a part of it: that is stated, and the rest is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.settings.settings import Settings
from tests.backends.redis.reading.test_tasks import Tasks
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed
from tests.users import user_url

WHY = "Not all of this can be read: "


@pytest.fixture
def limited(
    redis_client: redis.Redis, redis_server: EmbeddedRedis, make_settings: Callable[..., Settings]
) -> Settings:
    """A viewer as an earlier release documented it: figures by task and the history need GETRANGE."""
    url = user_url(redis_client, "viewer", redis_server.url)
    redis_client.execute_command("ACL", "SETUSER", "viewer", "-getrange")
    return make_settings(ASOK_REDIS_URL=url)


async def is_refused(hand: Hand, said: str) -> None:
    await hand.sees(said)
    await hand.sees(WHY)
    for _ in range(3):
        await settled(hand)
        # It reads all else: it is connected.
        assert hand.shows("live")
        assert hand.shows(said)
        assert hand.shows(WHY)
        assert not hand.shows("reading …")
        assert not hand.shows("Reading …")


async def test_what_redis_refuses_is_not_being_read(
    redis_client: redis.Redis, redis_server: EmbeddedRedis, open_console: Open, limited: Settings
) -> None:
    seed.pending(redis_client, "mail", 3, first=1, age=5)
    Tasks(redis_client, redis_server.url).minute("shop.mail", 1, 5)
    async with open_console(size=(120, 40), read_only=True, settings=limited) as hand:
        await hand.sees("mail")
        assert not hand.shows(WHY)
        await hand.press("8")
        await is_refused(hand, "Not known: Redis refuses it to this user.")
        await hand.press("1")
        await hand.loses(WHY)
        await hand.press("c")
        await is_refused(hand, "± 1 h ago: not known")
        await hand.press("c", "c")
        await hand.loses(WHY)
        for _ in range(5):
            await hand.press("right_square_bracket")
        await is_refused(hand, "user may not do that (ACL)")
        await hand.press("2")
        await hand.sees("1 of 3")
        await hand.loses(WHY)
