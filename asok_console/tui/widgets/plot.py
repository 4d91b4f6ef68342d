"""A plot of stacked columns in eighth blocks, with an axis, a legend and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from asok_console.tui.figures import pool, rate
from asok_console.tui.theme import Tones
from asok_console.tui.widgets.columns import fit

EIGHTHS = " ▁▂▃▄▅▆▇█"
ROUND = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
MARGIN = 2
AXIS = 7
"""Cells at the left for the figures of the axis."""


@dataclass(frozen=True, slots=True)
class Series:
    """One band of the stack: values from the oldest to the newest, all series of equal length."""

    name: str
    tone: str
    values: tuple[float, ...]


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


class Plot(Widget):
    """Stacked columns over time.

    Two bands can meet inside a cell: the lower is drawn as the glyph, the upper as its background.
    """

    DEFAULT_CSS = "Plot { height: 1fr; background: $background; }"

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title
        self._series: tuple[Series, ...] = ()
        self._since, self._until = "", "now"
        self._whole = False
        self._stacks: list[list[float]] = []
        self._top = 1.0
        self._empty = True

    def show(
        self,
        series: Sequence[Series],
        *,
        title: str,
        since: str,
        until: str = "now",
        whole: bool = False,
    ) -> None:
        """Draw other values. ``since`` and ``until`` name the ends of the axis of time.

        ``whole`` says that they are counts, so that the other axis has no fractions.
        """
        drawn = self._series, self._since, self.title
        self._series, self._since, self.title = tuple(series), since, title
        self._until, self._whole = until, whole
        if drawn != (self._series, since, title):
            self._measure()
            self.refresh()

    def on_resize(self) -> None:
        """Pool the values anew for the width."""
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        width = max(self.size.width - AXIS - 1 - MARGIN, 1)
        bands = [pool(s.values, width) for s in self._series]
        length = len(bands[0]) if bands else 0
        # Buckets share the width as evenly as whole cells allow.
        places = range(width if length else 0)
        self._stacks = [[band[x * length // width] for band in bands] for x in places]
        highest = max((sum(stack) for stack in self._stacks), default=0)
        self._top = nice_top(highest, whole=self._whole)
        self._empty = highest <= 0

    def render_line(self, y: int) -> Strip:
        """One line: the heading, a row of the plot, or the axis."""
        tones: Tones = self.app.tones  # type: ignore[attr-defined]
        base = self.rich_style
        height = self.size.height
        if y == 0:
            segments = self._legend(tones)
        elif y == height - 1:
            segments = self._time_axis(tones)
        else:
            segments = self._row(y - 1, max(height - 2, 1), tones, base)
        return Strip(segments).adjust_cell_length(self.size.width, base).apply_style(base)

    def _legend(self, tones: Tones) -> list[Segment]:
        segments = [Segment(f"  {self.title}", tones("title"))]
        for series in self._series:
            segments.append(Segment("   ■ ", Style(color=tones.color(series.tone))))
            segments.append(Segment(series.name, tones("dim")))
        return segments

    def _time_axis(self, tones: Tones) -> list[Segment]:
        width = len(self._stacks)
        left = fit(self._since, max(width - len(self._until), 0))
        return [Segment(" " * (AXIS + 1)), Segment(f"{left}{self._until}", tones("dim"))]

    def _figure(self, value: float) -> str:
        if not self._whole:
            return rate(value)
        return f"{value:,.0f}" if value == round(value) else ""

    def _row(self, line: int, lines: int, tones: Tones, base: Style) -> list[Segment]:
        if self._empty:
            said = "  nothing in this time" if line == (lines - 1) // 2 and self._series else ""
            return [
                Segment(" " * AXIS),
                Segment("│", tones("grid")),
                Segment(said, tones("dim")),
            ]
        label = ""
        if line == 0:
            label = self._figure(self._top)
        elif line == lines - 1:
            label = "0"
        elif lines >= 5 and line == lines // 2 and lines % 2:
            label = self._figure(self._top / 2)
        segments = [
            Segment(f"{label:>{AXIS - 1}} ", tones("dim")),
            Segment("┤" if label else "│", tones("grid")),
        ]
        floor = (lines - 1 - line) * 8
        scale = lines * 8 / self._top
        segments += [self._cell(stack, floor, scale, tones, base) for stack in self._stacks]
        return list(Segment.simplify(segments))

    def _cell(
        self, stack: list[float], floor: int, scale: float, tones: Tones, base: Style
    ) -> Segment:
        reached = 0.0
        low: tuple[int, str] | None = None
        for value, series in zip(stack, self._series, strict=True):
            if value <= 0:
                continue
            # What is there at all is seen: at least one eighth.
            before, reached = reached, reached + max(value * scale, 1.0)
            filled = round(reached) - floor
            if filled <= 0 or round(before) - floor >= 8:
                continue
            color = tones.color(series.tone)
            if low is None:
                if filled >= 8:
                    return Segment("█", Style(color=color))
                low = (filled, color)
            else:
                return Segment(EIGHTHS[low[0]], Style(color=low[1], bgcolor=color))
        if low is None:
            return Segment(" ", base)
        return Segment(EIGHTHS[low[0]], Style(color=low[1]))
