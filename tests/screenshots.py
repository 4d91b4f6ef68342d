"""Screenshots of the real console with the data of a shop: ``make screenshots``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import redis

FOLDER = Path(__file__).parent.parent / "screenshots"

SCENES: dict[str, tuple[str, ...]] = {
    "overview": ("1", "right_square_bracket"),
    "why": ("1", "w"),
    "pending": ("2",),
    "delayed": ("3",),
    "jobs": ("4",),
    "workers": ("5",),
    "dead-jobs": ("6", "j", "space", "j", "space"),
    "error-groups": ("6", "v"),
    "job": ("6", "enter"),
    "requeue": ("6", "space", "space", "space", "r"),
    "purge": ("6", "D"),
    "canary": ("6", "v", "C", "enter"),
    "move": ("2", "j", "space", "space", "M"),
    "help": ("6", "question_mark"),
}
"""The keys for each screenshot."""


async def picture(
    url: str, keys: tuple[str, ...], size: tuple[int, int], theme: str = "asok-dark"
) -> str:
    """The console after some keys, as SVG."""
    from asok_console.tui.app import ConsoleApp
    from asok_console.tui.options import Session
    from asok_core.operations.inspector import open_operator, open_reader
    from asok_core.settings.settings import Settings
    from tests.conftest import SECRET_KEY
    from tests.tui.steady import Steady

    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
    )
    operator = open_operator(settings)
    session = Session(
        Steady(open_reader(settings)), operator, "redis://cache.internal:6379/0", theme=theme
    )
    app = ConsoleApp(session)
    async with app.run_test(size=size) as pilot:
        while app.snapshot is None:
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            # Rows come from the thread of the poller.
            await pilot.pause(0.25)
        await pilot.pause(0.3)
        drawn = app.export_screenshot(title="asok console")
    operator.close()
    return drawn


async def main() -> None:
    """Save all screenshots, and the Overview in a light theme and on a small screen."""
    from asok_console.demo.embedded import EmbeddedRedis
    from tests.tui import seed

    FOLDER.mkdir(exist_ok=True)
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        pictures = [(name, keys, (120, 36), "asok-dark") for name, keys in SCENES.items()]
        pictures.append(("overview-light", ("1", "right_square_bracket"), (120, 36), "asok-light"))
        pictures.append(("overview-200x60", ("1", "right_square_bracket"), (200, 60), "asok-dark"))
        pictures.append(("overview-80x24", ("1", "right_square_bracket"), (80, 24), "asok-dark"))
        for name, keys, size, theme in pictures:
            # Heartbeats, rates and due times are of the last minute, and a picture may take seconds.
            client.flushall()
            seed.shop(client)
            drawn = await picture(server.url, keys, size, theme)
            (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    for variable in ("NO_COLOR", "TEXTUAL_THEME"):
        if os.environ.pop(variable, None):
            # Textual reads them when it is imported.
            os.execv(sys.executable, [sys.executable, "-m", "tests.screenshots"])
    asyncio.run(main())
