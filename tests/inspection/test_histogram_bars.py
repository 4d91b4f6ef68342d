"""Histograms of quarter octaves as a few bars."""

from __future__ import annotations

import math

from asok_core.inspection.histograms import BUCKETS, HistogramBar, bars, histogram_of


def test_no_durations_have_no_bars() -> None:
    assert bars({}, 12) == []


def test_few_buckets_are_a_bar_each() -> None:
    assert bars({20: 7, 22: 1}, 12) == [
        HistogramBar(32.0, 7),
        HistogramBar(2**5.25, 0),
        HistogramBar(2**5.5, 1),
    ]


def test_many_buckets_are_octaves_that_end_at_whole_ones() -> None:
    found = bars({0: 1, 1: 2, 4: 3, 5: 4, 30: 5}, 12)
    assert [bar.up_to_ms for bar in found] == [2.0**at for at in range(9)]
    assert [bar.times for bar in found] == [1, 5, 4, 0, 0, 0, 0, 0, 5]


def test_every_duration_is_in_one_bar_and_there_are_never_too_many() -> None:
    every = dict.fromkeys(range(BUCKETS), 1)
    for most in range(2, 20):
        found = bars(every, most)
        assert len(found) <= most
        assert sum(bar.times for bar in found) == BUCKETS


def test_the_last_bar_has_no_bound() -> None:
    last = bars(histogram_of([10**16]), 12)[-1]
    assert last == HistogramBar(math.inf, 1)
