"""Contrast of all that is drawn, in every theme, as WCAG 2.1 computes it (1.4.3 and 1.4.11)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from rich.style import Style
from textual.color import Color
from textual.screen import ModalScreen

from asok_console.tui.theme import THEMES
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed

TEXT, GRAPHICS = 4.5, 3.0
"""The least ratios of WCAG 2.1, level AA."""

SCENES: dict[str, tuple[tuple[str, ...], str]] = {
    "overview": (("1",), "1,335 pending"),
    "pending": (("2", "down"), "2 of 1,204"),
    "filter": (("slash", *"task:", "enter"), "task:"),
    "composition": (("escape", "v"), "by task"),
    "delayed": (("3",), "1 of 14"),
    "jobs": (("4",), "1 of 67"),
    "workers": (("5",), "threads busy"),
    "dead": (("6", "j", "space", "j", "space"), "● 2 marked"),
    "errors": (("escape", "v"), "4 error groups"),
    "activity": (("v", "7"), "1 can be undone"),
    "job": (("6", "enter"), "signed with our key"),
    "requeue": (("escape", "R"), "Requeue 46 dead jobs?"),
    "purge": (("escape", "space", "space", "space", "d"), "Type purge"),
    "help": (("escape", "question_mark"), "Keys in"),
}


def _color(color: object) -> Color:
    triplet = color.get_truecolor()  # type: ignore[attr-defined]
    return Color(triplet.red, triplet.green, triplet.blue)


def _luminance(color: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in color.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: Color, other: Color) -> float:
    """The contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _is_graphic(text: str) -> bool:
    # Lines, blocks and shades; what else is drawn is read.
    return all(c == " " or "\u2500" <= c <= "\u25ff" or "\u2800" <= c <= "\u28ff" for c in text)


def _drawn(hand: Hand) -> Iterator[tuple[str, Style]]:
    """What can be read now. What a dialog covers is inactive, which the standard excepts."""
    screen = hand.app.screen
    strips = screen._compositor.render_strips()
    if isinstance(screen, ModalScreen):
        region = screen.children[0].region
        strips = [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]
    for strip in strips:
        for text, style, _ in strip:
            if text.strip() and style is not None:
                yield text, style


def _too_low(hand: Hand) -> Iterator[str]:
    for text, style in _drawn(hand):
        assert style.color is not None, text
        assert style.bgcolor is not None, text
        front, back = _color(style.color), _color(style.bgcolor)
        least = GRAPHICS if _is_graphic(text) else TEXT
        if (found := ratio(front, back)) < least or style.dim:
            yield f"{found:.2f} of {front.hex} on {back.hex}: {text!r}"


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_what_is_drawn_has_enough_contrast(
    redis_client: redis.Redis, open_console: Open, theme: str
) -> None:
    seed.shop(redis_client)
    seed.audit(redis_client)
    low: dict[str, set[str]] = {}
    async with open_console(size=(160, 40), theme=theme, interval=60.0) as hand:
        for name, (keys, known_by) in SCENES.items():
            await hand.press(*keys)
            await hand.sees(known_by)
            await settled(hand)
            if found := set(_too_low(hand)):
                low[name] = found
    assert not low, "\n".join(f"{name}: {each}" for name in low for each in sorted(low[name]))


async def test_a_protected_console_and_one_without_redis_have_enough_contrast(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    for theme in (each.name for each in THEMES):
        async with open_console(size=(160, 40), theme=theme, interval=60.0, protected=True) as hand:
            hand.app.state.failing = "Redis at cache.internal:6379 does not answer"
            await hand.press("1")
            await settled(hand)
            await hand.sees("does not answer")
            assert sorted(_too_low(hand)) == [], theme


async def test_failures_in_the_plot_have_a_pattern_of_their_own(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40), interval=60.0) as hand:
        await hand.press("right_square_bracket")
        await hand.sees("▒ failed")
        await hand.until(lambda: hand.screen().count("▒") > 5, "columns with failures")
        await hand.sees("■ completed")
