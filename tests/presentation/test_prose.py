"""Figures in sentences."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_console.presentation import prose


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (math.inf, "–"),
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (0.035, "35 milliseconds"),
        (0.9996, "1 second"),
        (5.34, "5.3 seconds"),
        (59.7, "1 minute"),
        (90, "1 minute and 30 seconds"),
        (3599, "1 hour"),
        (7800, "2 hours and 10 minutes"),
        (97_200, "1 day and 3 hours"),
        (172_790, "2 days"),
        (300_000, "3 days and 11 hours"),
        (4e9, "over 100 years"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, words: str) -> None:
    assert prose.duration(seconds) == words


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (1000, "a moment ago"),
        (1000.9, "a moment ago"),
        (969, "31 seconds ago"),
        (820, "3 minutes ago"),
        (1180, "in 3 minutes"),
        (1000 - 97_200, "1 day and 3 hours ago"),
        (1e300, "in over 100 years"),
    ],
)
def test_an_age_is_rounded_while_it_is_short(since: float | None, words: str) -> None:
    assert prose.ago(since, 1000) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "a moment"), (1.2, "1 second"), (60, "1 minute"), (200, "3 minutes"), (3599, "1 hour")],
)
def test_a_rough_duration_has_a_number(seconds: float, words: str) -> None:
    assert prose.rough(seconds) == words


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 2.1, "0 to 3 seconds"),
        (50.9, 178, "50 seconds to 3 minutes"),
        (240, 540, "4 to 9 minutes"),
        (60, 170, "1 to 3 minutes"),
        (242, 243, "4 to 5 minutes"),
        (3, 3, "3 seconds"),
        (3900, 7500, "1 hour and 5 minutes to 2 hours and 5 minutes"),
        (3600, 7200, "1 to 2 hours"),
        (3600, 7260, "1 hour to 2 hours and 1 minute"),
    ],
)
def test_a_range_states_its_unit_once(low: float, high: float, text: str) -> None:
    assert prose.between(low, high) == text


def test_sizes_have_binary_units() -> None:
    sizes = (None, 512, 1434, 80 << 20)
    assert [*map(prose.size, sizes)] == ["–", "512 Bytes", "1.4 KiB", "80.0 MiB"]


def test_counts() -> None:
    assert [*map(prose.count, (None, 0, 12_345, 1_234_567))] == ["–", "0", "12,345", "1.2 million"]
    assert prose.plural(1, "job") == "1 job"
    assert prose.plural(1200, "job") == "1,200 jobs"
    assert prose.plural(2, "entry", "entries") == "2 entries"


def test_lists_end_with_and() -> None:
    names = ["a", "b", "c", "d"]
    assert [prose.listed(names[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert prose.listed(names, 3, "queue") == "a, b, c and 1 more queue"
    assert prose.listed(names, 2) == "a, b and 2 more"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_duration_is_a_short_text(number: float) -> None:
    assert len(prose.duration(number)) <= 40
    assert len(prose.ago(number, 1.0)) <= 40
