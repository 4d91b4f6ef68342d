"""Every view as a picture, at the smallest, an ordinary and a large screen.

The clock is fixed, so the pictures are the same wherever and whenever they are drawn. After a
change that is meant: ``pytest tests/tui/test_pictures.py --snapshot-update``, and look at them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Input

from asok_console.tui.data.status import ConsoleStatus
from asok_core.backends.redis import audit
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading import overview, tasks
from asok_core.backends.redis.reading.query import known
from asok_core.inspection.audit import Activity
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed
from tests.tui.steady import Steady

NOW = 1_772_333_820.0
"""2026-03-01 02:57 UTC."""

SCENES: dict[str, tuple[tuple[str, ...], str]] = {
    "live": (("1",), "last 60 s"),
    "overview": (("right_square_bracket",), "last 5 min"),
    "pending": (("2",), "1 of 1,204"),
    "composition": (("v",), "by task"),
    "delayed": (("3",), "1 of 14"),
    "jobs": (("4",), "1 of 67"),
    "workers": (("5",), "7 of 8 threads busy"),
    "dead": (("6", "j", "space", "j", "space"), "● 2 marked"),
    "causes": (("escape", "v"), "4 error groups"),
    "activity": (("v", "7"), "1 can be undone"),
}
"""Keys that lead from one to the next, and a text by which it is known to be there."""

OVER: dict[str, tuple[tuple[str, ...], str]] = {
    "job": (("6", "enter"), "signed with our key"),
    "why": (("w",), "no retries are left"),
    "why a queue": (("escape", "escape", "1", "j", "w"), "queue default:"),
    "why a worker": (("escape", "5", "w"), "slots busy"),
    "requeue": (("escape", "6", "R"), "Requeue 46 dead jobs?"),
    "purge": (("escape", "space", "space", "space", "d"), "Type purge to confirm:"),
    "help": (("escape", "question_mark"), "Keys in Dead"),
    "note": (("escape", "n", "a"), "Same as"),
    "hold": (("escape", "escape", "2", "H"), "Would hold"),
    "limit": (("escape", "U"), "in force: none that is known"),
    "form of a worker": (("escape", "5", "v", "j", "e"), "Set worker web-2"),
    "change of a worker": (("8", "tab", *"high", "enter"), "asok worker set --concurrency 8"),
}


@pytest.fixture
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds, snapshots and the age of the picture all have one time."""

    def activity(keys: Keys, fields: Any, length: Any, ttl_ms: Any, _now: float) -> Activity:
        # What is left of a trash to the minute: the seeds are some milliseconds old.
        whole = ttl_ms and -(-ttl_ms // 60_000) * 60_000
        return of_fields(keys, fields, length, whole, NOW)

    of_fields = audit._activity
    monkeypatch.setattr(audit, "_activity", activity)
    monkeypatch.setattr(seed, "server_time", lambda _: NOW)
    monkeypatch.setattr(overview, "server_time", lambda: known(NOW))
    monkeypatch.setattr(ConsoleStatus, "age", 0.0)


@pytest.fixture
def shop(fixed_time: None, redis_client: redis.Redis) -> None:
    """The shop at three in the morning."""
    seed.shop(redis_client)
    seed.audit(redis_client)


@pytest.fixture
def counted(shop: None, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop, and what its tasks did in the last hour."""
    monkeypatch.setattr(tasks, "server_time", lambda: known(NOW))
    seed.tasks(redis_client)


@pytest.fixture
def held(shop: None, redis_client: redis.Redis) -> None:
    """The shop, with two holds."""
    seed.holds(redis_client)


@pytest.fixture
def unsigned(fixed_time: None, redis_client: redis.Redis) -> None:
    """Dead jobs that no key of ours has signed."""
    seed.unsigned(redis_client)


async def draw(
    hand: Hand, scenes: dict[str, tuple[tuple[str, ...], str]], pictures: SnapshotAssertion,
    folder: Path,
) -> None:  # fmt: skip
    """Go through the scenes and compare each with its picture."""
    different = []
    for name, (keys, known_by) in scenes.items():
        for key in keys:
            await hand.press(key)
            await settled(hand)
        await hand.sees(known_by)
        for field in hand.app.screen.query(Input):
            field.cursor_blink = False
        await settled(hand)
        drawn = hand.app.export_screenshot(title="asok console")
        if drawn != pictures(name=name):
            (folder / f"{name}.svg").write_text(drawn)
            different.append(str(folder / f"{name}.svg"))
    assert not different, "look at these, and at their like in tests/tui/__snapshots__"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_every_view(
    shop: None, open_console: Open, snapshot: SnapshotAssertion, size: tuple[int, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = snapshot.use_extension(SVGImageExtension)
    async with open_console(size=size, reading=Steady, interval=1.0) as hand:
        await draw(hand, SCENES, pictures, tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_what_covers_a_view(
    shop: None, open_console: Open, snapshot: SnapshotAssertion, size: tuple[int, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = snapshot.use_extension(SVGImageExtension)
    async with open_console(size=size, reading=Steady, interval=1.0) as hand:
        await draw(hand, OVER, pictures, tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_review_before_a_trust(
    unsigned: None, open_console: Open, snapshot: SnapshotAssertion, size: tuple[int, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = snapshot.use_extension(SVGImageExtension)
    over: dict[str, tuple[tuple[str, ...], str]] = {
        "trust": (("6", "a", "T"), "Type trust to confirm:")
    }
    async with open_console(size=size, reading=Steady, interval=1.0) as hand:
        await draw(hand, over, pictures, tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_tasks(
    counted: None, open_console: Open, snapshot: SnapshotAssertion, size: tuple[int, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = snapshot.use_extension(SVGImageExtension)
    async with open_console(size=size, reading=Steady, interval=1.0) as hand:
        await draw(hand, {"tasks": (("8",), "attempts ended")}, pictures, tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_holds(
    held: None, open_console: Open, snapshot: SnapshotAssertion, size: tuple[int, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    pictures = snapshot.use_extension(SVGImageExtension)
    scenes: dict[str, tuple[tuple[str, ...], str]] = {
        "holds": (("9",), "1 of 2"),
        "held jobs": (("enter", "j"), "job 2 of 31"),
    }
    async with open_console(size=size, reading=Steady, interval=1.0) as hand:
        await draw(hand, scenes, pictures, tmp_path)


@pytest.mark.parametrize("theme", ["asok-light", "asok-contrast"])
async def test_the_overview_in_other_themes(
    shop: None, open_console: Open, snapshot: SnapshotAssertion, theme: str, tmp_path: Path
) -> None:
    pictures = snapshot.use_extension(SVGImageExtension)
    async with open_console(size=(120, 40), reading=Steady, interval=1.0, theme=theme) as hand:
        await draw(
            hand, {"overview": (("1", "right_square_bracket"), "last 5 min")}, pictures, tmp_path
        )
