"""The real console on the test's real Redis, in a terminal of any size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from textual.pilot import Pilot

from asok_console.tui.app import ConsoleApp
from asok_console.tui.options import Session
from asok_console.tui.views.shared.base import JobList
from asok_core.backends.roles import Reader
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.tui import seed
from tests.tui.seed import KEYS
from tests.tui.terminal import CONSOLE, Terminal

PATIENCE = 30.0


class Hand:
    """A pilot with words for what a test does: press, wait for, read."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def rows(self) -> JobList:
        """The list of the view that is shown."""
        return self.app.view.query_one(JobList)

    async def press(self, *keys: str) -> None:
        # It waits after each key until the program is idle, so that once more would only cost time.
        await self.pilot.press(*keys)
        await self.pilot.pause(0)

    async def until(self, true: Callable[[], Any], what: str = "") -> None:
        """Wait until something is true; fail with what was on the screen if it never is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        # A screen that was just opened has no lines before it is laid out.
        await self.pilot.pause(0)
        while not true():
            if loop.time() > deadline or self.app._exception is not None:
                raise AssertionError(f"never came true: {what or true}\n{self.screen()}")
            await asyncio.sleep(0.02)
            await self.pilot.pause()
        await self.pilot.pause()

    async def sees(self, text: str) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: self.shows(text), f"{text!r} on the screen")

    async def loses(self, text: str) -> None:
        """Wait until a text is off the screen."""
        await self.until(lambda: not self.shows(text), f"{text!r} off the screen")

    def shows(self, text: str) -> bool:
        """Whether a text is on the screen, also where a line was broken within it."""
        screen = self.screen()
        return text in screen or text in " ".join(screen.split())

    def screen(self) -> str:
        """What is on the screen, as text."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        assert len(strips) == height
        return "\n".join(strip.text[:width].rstrip() for strip in strips)


async def settled(hand: Hand) -> None:
    """Let arrive what the screen has asked for."""
    for _ in range(2):
        answered: list[object] = []
        hand.app.poller.ask("settled", lambda _: None, answered.append)
        await hand.until(lambda: answered, "an answer")  # noqa: B023 - waited for within the loop


Open = Callable[..., AbstractAsyncContextManager[Hand]]


@pytest.fixture
def open_console(make_settings: Callable[..., Settings]) -> Open:
    """Open the console: ``async with open_console(size=(80, 24), read_only=True) as hand``."""

    @asynccontextmanager
    async def opened(
        *,
        size: tuple[int, int] = (80, 24),
        read_only: bool = False,
        settings: Settings | None = None,
        reading: Callable[[Reader], Any] | None = None,
        **session: Any,
    ) -> AsyncIterator[Hand]:
        settings = settings or make_settings()
        reader: Reader = open_reader(settings)
        if reading is not None:
            reader = reading(reader)
        operator = None if read_only else open_operator(settings)
        app = ConsoleApp(
            Session(
                reader, operator, "redis://cache.internal:6379/0", **{"interval": 0.2} | session
            )
        )
        async with app.run_test(size=size) as pilot:
            hand = Hand(app, pilot)
            await hand.until(lambda: app.snapshot is not None, "the first snapshot")
            yield hand
        if operator is not None:
            operator.close()

    return opened


@pytest.fixture
def open_dead(redis_client: redis.Redis, open_console: Open) -> Open:
    """Open the console on so many dead letters: ``async with open_dead(6) as hand``."""

    @asynccontextmanager
    async def opened(count: int, **session: Any) -> AsyncIterator[Hand]:
        redis_client.rpush(KEYS.dead, *seed.letters(seed.server_time(redis_client), count))
        async with open_console(**session) as hand:
            await hand.press("6")
            await hand.sees(f"1 of {count:,}")
            yield hand

    return opened


OpenTerminal = Callable[..., Terminal]


@pytest.fixture
def open_terminal(redis_url: str, tmp_path: Path) -> Iterator[OpenTerminal]:
    """Open the console in tmux: ``open_terminal("--read-only", size=(120, 30))``."""
    opened: list[Terminal] = []

    def open_one(
        words: str = "",
        *,
        size: tuple[int, int] = (80, 24),
        recording: Path | None = None,
        **variables: str,
    ) -> Terminal:
        env = {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "HOME": str(tmp_path),
            **variables,
        }
        opened.append(Terminal(f"{CONSOLE} {words}", tmp_path, size, env, recording=recording))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: OpenTerminal) -> Terminal:
    """The console in tmux, 80 by 24."""
    return open_terminal()
