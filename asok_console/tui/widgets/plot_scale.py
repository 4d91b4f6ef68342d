"""What a plot shows: series of values, units, round ends of an axis and round times on it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from rich.cells import cell_len

from asok_console.presentation.compact import rate
from asok_console.presentation.fitting import fit
from asok_console.presentation.numbers import UNKNOWN, milliseconds

HATCHED = "▒"
"""What fills a band that has to differ from its neighbour without colour."""
CURSOR = "▲"
"""What points from the axis of time to the value that is read."""
GAP = "·"
"""What is drawn where nothing is recorded."""
ROUND = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
TICKS = (
    *(10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600),
    *(86_400, 172_800, 345_600),
)
"""Seconds between two times on the axis: those that read as round. From a day on they are dates."""
DATED = 86_400.0 + 3_600.0
"""Seconds of a range from which a time has its date: more than a day and the hour that began it."""
_LABEL = re.compile(r"\S+(?: \S+)*")
APART = 14
"""Least cells between two of them."""


class PlotUnit(Enum):
    """What the values are."""

    RATE = "/s"
    COUNT = ""
    MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True)
class Series:
    """One band of the stack: values from the oldest to the newest, all series of equal length.

    A value that is not known is NaN: there nothing is drawn.
    """

    name: str
    tone: str
    values: tuple[float, ...]
    fill: str = "█"
    """What fills a cell of it: a pattern distinguishes it without colour."""


class TimeAxis(NamedTuple):
    """The axis of time: when the first value begins (epoch seconds), and seconds of a value."""

    start: float
    width: float
    until: str = "now"
    """What its right end is called."""


class EventMark(NamedTuple):
    """Something that happened at a moment (epoch seconds), drawn on the axis of time."""

    at: float
    text: str
    """What it was, in a few words that are safe for a terminal."""
    bad: bool = False


def marked_columns(
    marks: Iterable[EventMark], start: float, seconds: float, width: int
) -> dict[int, str]:
    """The columns of an axis that have a mark, each with the tone of the worst."""
    found: dict[int, str] = {}
    for each in marks:
        if 0 <= each.at - start < seconds:
            x = int((each.at - start) / seconds * width)
            found[x] = "bad" if each.bad else found.get(x, "warn")
    return found


def nothing(gaps: Sequence[bool]) -> str:
    """What a plot without any value says. ``gaps``: for each value whether it is not recorded."""
    if not any(gaps):
        return "nothing in this time"
    return "not recorded" if all(gaps) else "nothing where it is recorded"


def nice_top(highest: float, *, whole: bool = False) -> float:
    """The end of an axis: the least round number (``whole``: integer) that is high enough."""
    if highest <= 0 or not math.isfinite(highest):
        return 1.0
    if whole:
        highest = max(highest, 1.0)
    power = 10.0 ** math.floor(math.log10(highest))
    tops = (power * step for step in ROUND)
    return next(
        top
        for top in tops
        if top >= highest * 0.999 and not (whole and abs(top - round(top)) > 1e-9)
    )


def figure(value: float, unit: PlotUnit) -> str:
    """A value at the axis; '' where it would not read as round."""
    if unit is PlotUnit.MILLISECONDS:
        return milliseconds(value) if value else "0"
    if unit is PlotUnit.RATE:
        return rate(value)
    return f"{value:,.0f}" if value == round(value) else ""


def exact_figure(value: float, unit: PlotUnit) -> str:
    """A value under the cursor."""
    if value != value:  # noqa: PLR0124 - NaN
        return UNKNOWN
    if unit is PlotUnit.COUNT:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    return f"{figure(value, unit)}{'/s' if unit is PlotUnit.RATE else ''}"


def time_axis(times: TimeAxis, seconds: float, width: int, *, cursor: float | None = None) -> str:
    """The clock times that are round and far enough apart, in ``width`` cells for ``seconds``.

    ``cursor``: where the cursor is, from 0 to 1.
    """
    step = next((each for each in TICKS if each * width >= APART * seconds), TICKS[-1])
    line = fit(f"{clock(times.start, exact=step < 60, dated=seconds > DATED)} UTC", width)
    last = width - cell_len(times.until) - 2
    apart = max(APART, cell_len(line.rstrip()) + 2)
    moment = math.ceil(times.start / step) * step
    while moment < times.start + seconds:
        label = date(moment) if step >= 86_400 else clock(moment, exact=step < 60)
        x = round((moment - times.start) / seconds * width)
        if x >= apart and x + len(label) <= last:
            line = f"{line[:x]}{label}{line[x + len(label) :]}"
        moment += step
    until = times.until
    if cursor is not None:
        x = int(cursor * width)
        until = "" if x > last else until
        line = f"{line[:x]}{CURSOR}{line[x + 1 :]}"
    return f"{line[: width - cell_len(until)]}{until}"


def without_hidden(line: str, columns: Collection[int]) -> str:
    """An axis without the times of which a mark at one of ``columns`` would hide a part."""

    def kept(label: re.Match[str]) -> str:
        hidden = any(label.start() <= column < label.end() for column in columns)
        return " " * len(label[0]) if hidden and CURSOR not in label[0] else label[0]

    return _LABEL.sub(kept, line)


def clock(moment: float, *, exact: bool, dated: bool = False) -> str:
    """A time of day in UTC, with seconds if ``exact``, after its date if ``dated``."""
    time = f"{datetime.fromtimestamp(moment, UTC):{'%H:%M:%S' if exact else '%H:%M'}}"
    return f"{date(moment)} {time}" if dated else time


def date(moment: float) -> str:
    """A day in UTC: ``20 Nov``."""
    day = datetime.fromtimestamp(moment, UTC)
    return f"{day.day} {day:%b}"
