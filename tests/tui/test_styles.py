"""The styles of the console are parsed once, when it starts."""

from __future__ import annotations

import redis

from tests.fixtures.console import Hand, Open
from tests.tui import seed


def sheets(hand: Hand) -> set[str]:
    """The style sheets that are not the defaults of a widget."""
    return {
        path for (path, _), source in hand.app.stylesheet.source.items() if not source.is_defaults
    }


async def test_no_screen_brings_styles_of_its_own(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        at_first = sheets(hand)
        for keys in (
            ("6", "enter", "w"),
            ("6", "enter", "v"),
            ("6", "r"),
            ("6", "d"),
            ("question_mark",),
        ):
            await hand.press(*keys)
            assert len(hand.app.screen_stack) > 1
            assert sheets(hand) == at_first
            await hand.press("escape", "escape", "escape")
