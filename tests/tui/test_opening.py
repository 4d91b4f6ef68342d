"""Rows that are opened before they have been read."""

from __future__ import annotations

import threading
from typing import Any

from asok_core.backends.roles import Reader
from tests.tui.conftest import Open


class Gate:
    """A reader that reads no page of a list while it is shut."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.open = threading.Event()
        self.open.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def dead(self, *args: Any, **options: Any) -> Any:
        self.open.wait()
        return self._reader.dead(*args, **options)


async def test_a_row_that_is_still_to_be_read_is_opened_as_soon_as_it_is(
    open_dead: Open,
) -> None:
    gates: list[Gate] = []

    def gated(reader: Reader) -> Gate:
        gates.append(Gate(reader))
        return gates[0]

    async with open_dead(3000, reading=gated, interval=60.0) as hand:
        gates[0].open.clear()
        try:
            await hand.press("G")
            assert hand.rows.row is None
            await hand.press("enter")
        finally:
            gates[0].open.set()
        await hand.sees("signed with our key")
        await hand.press("escape")
        gates[0].open.clear()
        try:
            await hand.press("g", "G")
            await hand.until(lambda: hand.rows.cursor == 2999)
        finally:
            gates[0].open.set()
        await hand.until(lambda: hand.rows.row is not None)
        assert not hand.shows("signed with our key")


async def test_a_row_that_the_cursor_has_left_is_not_opened(open_dead: Open) -> None:
    gates: list[Gate] = []

    def gated(reader: Reader) -> Gate:
        gates.append(Gate(reader))
        return gates[0]

    async with open_dead(3000, reading=gated, interval=60.0) as hand:
        gates[0].open.clear()
        try:
            await hand.press("G")
            await hand.press("enter", "k")
        finally:
            gates[0].open.set()
        await hand.until(lambda: hand.rows.row is not None)
        await hand.pilot.pause()
        assert not hand.shows("signed with our key")
