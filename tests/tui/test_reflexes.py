"""What must not be kept for as long as the console runs."""

from __future__ import annotations

import gc

from textual import _styles_cache
from textual.widget import Widget

from asok_console.tui import reflexes
from tests.tui.conftest import Open, settled


async def test_a_screen_that_was_left_is_forgotten(open_console: Open) -> None:
    async with open_console() as hand:
        for _ in range(3):
            await hand.press("?")
            await settled(hand)
            await hand.press("escape")
            await settled(hand)
        reflexes.let_go()
        gc.collect()
        alive = gc.get_objects()
        owned = {id(each._styles_cache) for each in alive if isinstance(each, Widget)}
        kept = [each for each in alive if isinstance(each, _styles_cache.StylesCache)]
        assert [each for each in kept if id(each) not in owned] == []
