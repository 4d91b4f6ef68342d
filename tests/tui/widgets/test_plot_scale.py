"""The axes of a plot: round ends, round times, and figures that say what is known."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_console.tui.widgets.plot_scale import (
    PlotUnit,
    TimeAxis,
    exact_figure,
    figure,
    nice_top,
    time_axis,
    without_hidden,
)


@given(st.floats(min_value=0.001, max_value=1e12))
def test_an_axis_ends_at_or_little_above_the_highest_value(highest: float) -> None:
    top = nice_top(highest)
    assert highest * 0.998 <= top <= highest * 1.4


@given(st.integers(min_value=0, max_value=10**9))
def test_an_axis_of_counts_ends_at_a_whole_number(highest: int) -> None:
    top = nice_top(float(highest), whole=True)
    assert top >= max(highest, 1) * 0.998
    assert top == pytest.approx(round(top))


@pytest.mark.parametrize("highest", [0.0, -1.0, math.inf, math.nan])
def test_an_axis_without_a_highest_value_ends_at_one(highest: float) -> None:
    assert nice_top(highest) == 1.0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (math.nan, PlotUnit.COUNT, "–"),
        (3.0, PlotUnit.COUNT, "3"),
        (3.25, PlotUnit.COUNT, "3.2"),
        (2.0, PlotUnit.RATE, f"{figure(2.0, PlotUnit.RATE)}/s"),
        (0.0, PlotUnit.MILLISECONDS, "0"),
    ],
)
def test_a_value_under_the_cursor_is_exact_or_unknown(
    value: float, unit: PlotUnit, text: str
) -> None:
    assert exact_figure(value, unit) == text


def test_times_on_the_axis_are_round_and_far_enough_apart() -> None:
    # 08:01:40 UTC, a quarter of an hour in 80 cells.
    line = time_axis(TimeAxis(100 + 8 * 3600, 10), 900, 80)
    assert len(line) == 80
    assert line.startswith("08:01 UTC")
    assert line.endswith("now")
    assert [word for word in line.split() if ":" in word] == ["08:01", "08:05", "08:10"]
    # The time is above the value that begins at it.
    assert line.index("08:05") == round(200 / 900 * 80)


def test_the_cursor_covers_what_is_below_it() -> None:
    line = time_axis(TimeAxis(0, 10), 900, 80, cursor=0.999)
    assert line[79] == "▲"
    assert "now" not in line


def test_a_mark_hides_no_part_of_a_time() -> None:
    line = "18:10 UTC      18:20     ▲     18:30       now"
    assert without_hidden(line, ()) == line
    assert without_hidden(line, {12, 25}) == line
    kept = " " * 15 + "18:20     ▲"
    assert without_hidden(line, {8, 34, 45}) == kept.ljust(len(line))


def test_an_axis_of_two_weeks_has_dates() -> None:
    start = 20_000 * 86_400.0 + 14 * 3600
    for width in (60, 90, 180):
        line = time_axis(TimeAxis(start, 3600), 14 * 86_400, width)
        assert line.startswith("4 Oct 14:00 UTC")
        dates = re.findall(r"\d+ (?:Oct|Nov)", line)
        assert len(dates) > 2
        assert line.endswith("now")
