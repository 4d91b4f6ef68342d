"""Histograms of durations in quarter octaves: bucket ``n`` counts durations of up to 2^(n/4) ms."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

BUCKETS = 128
"""The last one also counts whatever is longer: 2^(127/4) ms are 41 days."""
_BOUNDS = tuple(int(1000 * 2 ** (bucket / 4)) for bucket in range(BUCKETS - 1))
_SHORT = 65_536
_BUCKETS_OF_SHORT = b"".join(
    bytes([bucket]) * (min(bound, _SHORT - 1) - min(before, _SHORT - 1))
    for bucket, (before, bound) in enumerate(zip((-1, *_BOUNDS), _BOUNDS, strict=False))
)
"""The bucket of each duration below ``_SHORT``: a worker counts many thousands of these a second."""


def histogram_of(durations: Iterable[int]) -> dict[int, int]:
    """How many of the durations (microseconds) are in each bucket."""
    return Counter(
        [
            _BUCKETS_OF_SHORT[each] if each < _SHORT else bisect_left(_BOUNDS, each)
            for each in durations
        ]
    )


def bound(bucket: int) -> float:
    """Milliseconds that no duration in a bucket exceeds."""
    return float(2 ** (min(bucket, 200) / 4))


def added(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sum of histograms."""
    found: dict[int, int] = {}
    for each in filter(None, histograms):
        for bucket, times in each.items():
            found[bucket] = found.get(bucket, 0) + times
    return found


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """Milliseconds that ``share`` (0..1) of the counted did not exceed; None of nothing."""
    every = sum(histogram.values())
    if not every:
        return None
    least, met = share * every, 0
    for bucket in sorted(histogram):
        met += histogram[bucket]
        if met >= least:
            return bound(bucket)
    return None


class HistogramBar(NamedTuple):
    """How many durations are longer than the bar before and at most ``up_to_ms``; inf: of any length."""

    up_to_ms: float
    times: int


def bars(histogram: Mapping[int, int], most: int) -> list[HistogramBar]:
    """A histogram in at most ``most`` bars, shortest first, each of one or several quarter octaves."""
    if not histogram:
        return []
    together = 1
    while _end(max(histogram), together) - _end(min(histogram), together) >= most * together:
        together *= 2
    counts: dict[int, int] = {}
    for bucket, times in histogram.items():
        at = _end(bucket, together)
        counts[at] = counts.get(at, 0) + times
    return [
        HistogramBar(bound(at) if at < BUCKETS - 1 else float("inf"), counts.get(at, 0))
        for at in range(min(counts), max(counts) + 1, together)
    ]


def _end(bucket: int, together: int) -> int:
    """The last bucket of those that are one bar: bars end at whole octaves as soon as they are as wide."""
    return -(-bucket // together) * together
