"""What samples of used memory prove, and what they do not."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from asok_core.inspection.memory_growth import HORIZON, INTERVAL, SPAN, MemoryGrowth, filling

MB = 2**20


def rate_of(used: Callable[[float], float], seconds: float) -> float | None:
    growth, at = MemoryGrowth(), 0.0
    while at <= seconds:
        growth.add(at, int(used(at)))
        at += INTERVAL
    return growth.rate()


def test_steady_growth_is_known_after_a_minute_and_not_before() -> None:
    def grows(at: float) -> float:
        return 50 * MB + at * 20_000

    assert rate_of(grows, SPAN - INTERVAL) is None
    assert rate_of(grows, SPAN) == pytest.approx(20_000, rel=0.01)


@pytest.mark.parametrize("seconds", [5.0, 60.0, 300.0, 900.0])
def test_noise_is_no_growth(seconds: float) -> None:
    dice = random.Random(1)
    assert rate_of(lambda _: 50 * MB + dice.uniform(-MB, MB), seconds) is None


def test_a_queue_that_fills_and_drains_is_no_growth() -> None:
    assert rate_of(lambda at: 50 * MB + (at % 120) * 100_000, 600) is None


def test_growth_under_noise_is_the_growth() -> None:
    dice = random.Random(2)
    found = rate_of(lambda at: 50 * MB + at * 20_000 + dice.uniform(-200_000, 200_000), 600)
    assert found == pytest.approx(20_000, rel=0.1)


def test_memory_that_stays_or_shrinks_is_no_growth() -> None:
    assert rate_of(lambda _: MB, 600) is None
    assert rate_of(lambda at: 50 * MB - at * 1000, 600) is None


def test_what_was_long_ago_counts_no_more() -> None:
    assert rate_of(lambda at: 50 * MB + min(at, 300) * 20_000, 1200) is None


def test_it_says_when_and_how_fast() -> None:
    found = filling(1.2 * MB / 60, 100 * MB, 316 * MB)
    assert str(found) == "memory full in about 3 hours at +1.2 MiB/min"
    assert str(filling(2000, 0, 600_000)) == "memory full in about 5 minutes at +117.2 KiB/min"


@pytest.mark.parametrize(
    ("rate", "used", "most"),
    [(None, 1, 9), (0, 1, 9), (-5, 1, 9), (5, 1, 0), (5, 1, None), (5, None, 9), (5, 9, 9)],
)
def test_where_nothing_is_known_nothing_is_reported(
    rate: float | None, used: int | None, most: int | None
) -> None:
    assert filling(rate, used, most) is None


def test_what_is_far_away_is_no_trouble() -> None:
    assert filling(1.0, 0, int(HORIZON)) is not None
    assert filling(1.0, 0, int(HORIZON) + 10) is None
