"""Figures as the console's columns show them, where ``presentation.numbers`` would take too much room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from asok_console.presentation.numbers import UNKNOWN
from asok_core.clock import DAY, HOUR, MINUTE

BARS = " ▁▂▃▄▅▆▇"
"""The highest leaves an eighth of its line free, so that the bars of two rows never touch."""


def rate(per_second: float | None) -> str:
    """Per second: ``0``, ``<0.01``, ``0.05``, ``0.3``, ``12.3``, ``140``, ``1.2k``."""
    if per_second is None:
        return UNKNOWN
    if per_second <= 0:
        return "0"
    if per_second < 0.005:
        return "<0.01"
    if per_second < 0.095:
        return f"{per_second:.2f}"
    if per_second < 100:
        return f"{per_second:.1f}"
    return f"{per_second:.0f}" if per_second < 1000 else f"{per_second / 1000:.1f}k"


def sortable(figure: float | None) -> float:
    """A figure for sorting, where none is below 0: what is not known is less than all that is."""
    return -1.0 if figure is None else figure


def span(seconds: float | None) -> str:
    """A length of time in at most 6 cells: ``5 s``, ``3 min``, ``2h 05``, ``4 d``."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    seconds = max(seconds, 0)
    if seconds < MINUTE:
        return f"{seconds:.0f} s" if seconds < 59.5 else "1 min"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f}h {seconds % HOUR // MINUTE:02.0f}"
    return f"{seconds // DAY:,.0f} d" if seconds < 36_525 * DAY else "ages"


def ago(then: float | None, now: float) -> str:
    """The age of a moment: ``5 s``. A moment up to a second ahead is now, since clocks differ a little."""
    if then is None or math.isnan(now):
        return UNKNOWN
    return span(now - then) if now - then > -1 else f"in {span(then - now)}"


def until(then: float | None, now: float) -> str:
    """How long until a moment: ``in 5 s``, ``due``."""
    if then is None or math.isnan(now):
        return UNKNOWN
    return f"in {span(then - now)}" if then - now >= 0.5 else "due"


def spark(values: list[float] | tuple[float, ...], width: int) -> str:
    """Values as a line of bars, the newest at the right, scaled to their highest."""
    if not values or width <= 0:
        return " " * max(width, 0)
    pooled = pool(values, width)
    top = max(pooled)
    if top <= 0:
        return "▁" * len(pooled)
    highest = len(BARS) - 1
    return "".join(BARS[max(2, round(v / top * highest))] if v else BARS[1] for v in pooled)


def pool(values: list[float] | tuple[float, ...], width: int) -> list[float]:
    """At most ``width`` values, neighbours averaged, the newest kept at the right.

    NaN is not known: the mean is that of the others, and NaN where there are none.
    """
    n = len(values)
    if n <= width:
        return list(values)
    edges = [round(i * n / width) for i in range(width + 1)]
    return [_mean(values[a:b]) for a, b in pairwise(edges)]


def _mean(values: Sequence[float]) -> float:
    known = [each for each in values if not math.isnan(each)]
    return sum(known) / len(known) if known else math.nan


def gauge(part: float, width: int) -> str:
    """A filled bar, ``████░░``, for a part from 0 to 1."""
    full = round(min(max(part, 0), 1) * width)
    return "█" * full + "░" * (width - full)
