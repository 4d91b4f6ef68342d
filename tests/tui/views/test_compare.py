"""The Overview beside an earlier moment: each figure with its difference, unknown as unknown."""

from __future__ import annotations

import pytest
import redis

from asok_console.presentation.numbers import milliseconds
from asok_console.tui.views.shared.comparison import FIGURES, difference, whole
from tests.fixtures.console import Hand, Open
from tests.fixtures.past import Past
from tests.tui import seed

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def past(redis_client: redis.Redis) -> Past:
    return Past(redis_client)


def line_of(hand: Hand, name: str) -> str:
    return next((line for line in hand.screen().splitlines() if name in line), "")


@pytest.mark.parametrize("size", SIZES)
async def test_each_figure_has_its_difference_and_what_is_not_known_has_none(
    redis_client: redis.Redis, open_console: Open, past: Past, size: tuple[int, int]
) -> None:
    seed.pending(redis_client, "mail", 12, first=1, age=5)
    seed.pending(redis_client, "low", 3, first=100, age=5)
    # The minute of the comparison may end while the console opens.
    for ago in range(55, 65):
        past.sample("mail", ago, 5)
        past.sample(None, ago, 20, 1, 4)
        past.count("mail", ago, completed=60, enqueued=120)
    async with open_console(size=size) as hand:
        await hand.sees("mail")
        assert not hand.shows("±")
        await hand.press("c")
        await hand.sees("± 1 h ago, ")
        await hand.sees("Pending        ±")
        await hand.until(lambda: "12       +7" in line_of(hand, "mail"), "the difference")
        mail, low = line_of(hand, "mail"), line_of(hand, " low ")
        assert "0   -2.0" in mail
        assert "0   -1.0" in mail
        # Of this queue nothing was recorded: what it was is not known, and is not 0.
        assert low.split()[1:3] == ["3", "–"], low
        whole = line_of(hand, "all queues")
        assert "15       -5" in whole
        assert hand.shows("0 delayed (-1)")
        heading = next(line for line in hand.screen().splitlines() if "delayed (-1)" in line)
        parts = ("± 1 h ago", "pending", "running", "delayed", "dead (", "0 workers")
        starts = [heading.find(part) for part in parts]
        # In the order that it has otherwise; on a small screen without what the list compares.
        assert [at for at in starts if at >= 0] == sorted(at for at in starts if at >= 0)
        assert [part for part, at in zip(parts, starts, strict=True) if at < 0] == (
            ["pending", "running"] if size[0] == 80 else []
        )
        assert (" Workers" in hand.screen() and "✗ no worker" in hand.screen()) is (size[0] == 200)
        await hand.press("c")
        await hand.sees("± yesterday, ")
        await hand.sees("UTC, not recorded")
        await hand.until(lambda: line_of(hand, "mail").split()[1:3] == ["12", "–"], "unknown")
        await hand.press("c")
        await hand.loses("±")


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40)])
async def test_no_figure_of_the_heading_is_cut(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.pending(redis_client, "mail", 12_345, first=1, age=5)
    async with open_console(size=size) as hand:
        await hand.sees("○ 12,345 pending")
        for _ in range(3):
            heading = next(
                line
                for line in hand.screen().splitlines()
                if "mail" not in line and ("○ 12" in line or "±" in line)
            )
            assert "…" not in heading
            await hand.press("s")
            await hand.press("c")
            await hand.until(lambda: "reading" not in hand.screen(), "what was recorded")


async def test_a_moment_of_which_nothing_is_known_is_named_so(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "mail", 12, first=1, age=5)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("mail")
        height = len(hand.screen().splitlines())
        await hand.press("c")
        assert hand.shows("± 1 h ago")
        await hand.sees("UTC, not recorded")
        assert len(hand.screen().splitlines()) == height


@pytest.mark.parametrize(
    ("now", "then", "text"),
    [(12, 5, "+7"), (5, 12, "-7"), (5, 5, "0"), (None, 5, "–"), (5, None, "–"), (0, 0, "0")],
)
def test_a_difference_is_known_where_both_are(
    now: float | None, then: float | None, text: str
) -> None:
    assert difference(now, then, whole) == text


@pytest.mark.parametrize(
    ("title", "now", "then"),
    [
        ("Pending", 999_999, 0),
        ("Pending", 0, 999_999_999_999),
        ("In/s", 99.9, 0.0),
        ("Done/s", 99_900.0, 0.0),
        ("Fails", 1.0, 0.0),
        ("Wait", 59.4 * 60_000, 0.0),
        ("Wait", 47.9 * 3_600_000, 0.0),
        ("Run", 999.9 * 86_400_000, 0.0),
    ],
)
def test_a_figure_and_its_difference_have_room(title: str, now: float, then: float) -> None:
    figure = next(each for each in FIGURES if each.title == title)
    width = max(figure.width, len(figure.title) + 1 + figure.room)
    change = difference(now, then, figure.shown)
    assert len(f"{figure.shown(now)} {change:>{figure.room}}") <= width, change


def test_a_difference_of_times_has_a_unit() -> None:
    assert difference(1_250.0, 250.0, milliseconds) == "+1.0 s"
