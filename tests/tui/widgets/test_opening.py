"""Rows that are opened before they have been read."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asok_core.backends.roles import Reader
from tests.fixtures.console import Hand, Open


class GatedReader:
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


@asynccontextmanager
async def behind_a_gate(open_dead: Open) -> AsyncIterator[tuple[Hand, GatedReader]]:
    """The console on 3,000 dead jobs, with a gate that is open."""
    gates: list[GatedReader] = []

    def gated(reader: Reader) -> GatedReader:
        gates.append(GatedReader(reader))
        return gates[0]

    async with open_dead(3000, reading=gated, interval=60.0) as hand:
        yield hand, gates[0]


async def test_a_row_that_is_still_to_be_read_is_opened_as_soon_as_it_is(
    open_dead: Open,
) -> None:
    async with behind_a_gate(open_dead) as (hand, gate):
        gate.open.clear()
        try:
            await hand.press("G")
            assert hand.rows.row is None
            await hand.press("enter")
        finally:
            gate.open.set()
        await hand.sees("signed with our key")
        await hand.press("escape")
        gate.open.clear()
        try:
            await hand.press("g", "G")
            await hand.until(lambda: hand.rows.cursor.position == 2999)
        finally:
            gate.open.set()
        await hand.until(lambda: hand.rows.row is not None)
        assert not hand.shows("signed with our key")


async def test_a_row_that_the_cursor_has_left_is_not_opened(open_dead: Open) -> None:
    async with behind_a_gate(open_dead) as (hand, gate):
        gate.open.clear()
        try:
            await hand.press("G")
            await hand.press("enter", "k")
        finally:
            gate.open.set()
        await hand.until(lambda: hand.rows.row is not None)
        await hand.pilot.pause()
        assert not hand.shows("signed with our key")
