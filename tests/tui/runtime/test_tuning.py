"""What must not be kept for as long as the console runs."""

from __future__ import annotations

import gc

from textual import _styles_cache
from textual.widget import Widget

from asok_console.tui.compat import drop_cached_lines
from tests.fixtures.console import Open, settled


async def test_a_screen_that_was_left_is_forgotten(open_console: Open) -> None:
    async with open_console() as hand:
        for _ in range(3):
            await hand.press("?")
            await settled(hand)
            await hand.press("escape")
            await settled(hand)
        assert drop_cached_lines()
        gc.collect()
        # By type(): other tests leave classes behind whose attributes, __class__ too, raise.
        alive = [(type(each), each) for each in gc.get_objects()]
        owned = {id(each._styles_cache) for kind, each in alive if issubclass(kind, Widget)}
        kept = [each for kind, each in alive if issubclass(kind, _styles_cache.StylesCache)]
        assert [each for each in kept if id(each) not in owned] == []
