"""A plot of stacked columns in eighth blocks, with axes, a legend, and a cursor that reads values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from asok_console.presentation.compact import pool
from asok_console.presentation.fitting import fit
from asok_console.tui.theme import Tones, tones_of
from asok_console.tui.widgets.plot_scale import (
    CURSOR,
    DATED,
    GAP,
    EventMark,
    PlotUnit,
    Series,
    TimeAxis,
    clock,
    exact_figure,
    figure,
    marked_columns,
    nice_top,
    nothing,
    time_axis,
    without_hidden,
)
from asok_core.clock import HOUR

EIGHTHS = " ▁▂▃▄▅▆▇█"
MARGIN = 2
MARK = "◆"
AXIS = 7
"""Cells at the left for the figures of the axis."""


class Plot(Widget):
    """Stacked columns over time.

    Two bands can meet inside a cell: the lower is drawn as the glyph, the upper as its background.
    """

    DEFAULT_CSS = "Plot { height: 1fr; background: $background; }"

    class Pointed(Message):
        """The pointer is on a moment, or left (None): see ``read_at``."""

        def __init__(self, moment: float | None) -> None:
            super().__init__()
            self.moment = moment

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.title = title
        self._series: tuple[Series, ...] = ()
        self._times = TimeAxis(0.0, 1.0)
        self._unit = PlotUnit.RATE
        self._bands: list[list[float]] = []
        self._stacks: list[list[float]] = []
        self._top = 1.0
        self._empty = True
        self._gaps: list[bool] = []
        """For each value whether it is not recorded; nothing where all are."""
        self._moment: float | None = None
        self._marks: tuple[EventMark, ...] = ()
        self._recorded = False

    def mark(self, marks: Sequence[EventMark]) -> None:
        """Draw other marks on the axis of time. Those outside of its range are not drawn."""
        if self._marks != tuple(marks):
            self._marks = tuple(marks)
            self.refresh()

    def show(
        self,
        series: Sequence[Series],
        *,
        title: str,
        times: TimeAxis,
        unit: PlotUnit = PlotUnit.RATE,
        recorded: bool = False,
    ) -> None:
        """Draw other values. ``recorded``: what is not known of them is drawn as not recorded."""
        drawn = self._series, self._times, self.title, self._unit, self._recorded
        self._series, self._times, self.title, self._unit = tuple(series), times, title, unit
        self._recorded = recorded
        if drawn != (self._series, times, title, unit, recorded):
            self._measure()
            self.refresh()

    @property
    def cursor(self) -> int | None:
        """The value that is read, counted from the oldest; None: none."""
        count = len(self._bands[0]) if self._bands else 0
        if self._moment is None or not count:
            return None
        at = math.floor((self._moment - self._times.start) / self._step)
        return at if 0 <= at < count else None

    @property
    def moment(self) -> float | None:
        """The time that the cursor is on, epoch seconds."""
        at = self.cursor
        return None if at is None else self._times.start + (at + 0.5) * self._step

    @property
    def _step(self) -> float:
        """Seconds of a value as it is drawn: several that share a column are one."""
        count = len(self._series[0].values) if self._series else 0
        return self._times.width * count / max(len(self._bands[0]) if self._bands else 1, 1)

    def read_at(self, moment: float | None) -> None:
        """Put the cursor on a time, or take it away. It stays with its time as the plot moves."""
        if moment != self._moment:
            self._moment = moment
            self.refresh()

    def move_cursor(self, by: int) -> float | None:
        """The time ``by`` values away, from the newest where there is no cursor."""
        count = len(self._bands[0]) if self._bands else 0
        if not count:
            return None
        now = self.cursor
        # What is now is at the right end, but for a plot of what is to come.
        first = count - 1 if self._times.until == "now" else 0
        at = first if now is None else min(max(now + by, 0), count - 1)
        return self._times.start + (at + 0.5) * self._step

    def on_resize(self) -> None:
        """Pool the values again for the width."""
        self._measure()
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Read what the pointer is on."""
        x = event.x - AXIS - 1
        if 0 <= x < len(self._stacks):
            at = x * len(self._bands[0]) // len(self._stacks)
            self.post_message(self.Pointed(self._times.start + (at + 0.5) * self._step))

    def on_leave(self) -> None:
        """Read no more."""
        self.post_message(self.Pointed(None))

    def _measure(self) -> None:
        width = max(self.size.width - AXIS - 1 - MARGIN, 1)
        self._bands = [pool(s.values, width) for s in self._series]
        length = len(self._bands[0]) if self._bands else 0
        # Buckets share the width as evenly as whole cells allow.
        locations = range(width if length else 0)
        self._stacks = [[band[x * length // width] for band in self._bands] for x in locations]
        sums = (sum(stack) for stack in zip(*self._bands, strict=True))
        highest = max((each for each in sums if each == each), default=0)  # noqa: PLR0124 - not NaN
        self._top = nice_top(highest, whole=self._unit is PlotUnit.COUNT)
        self._empty = highest <= 0
        stacks = zip(*self._bands, strict=True) if self._recorded else ()
        self._gaps = [all(map(math.isnan, stack)) for stack in stacks]

    def render_line(self, y: int) -> Strip:
        """One line: the heading, a row of the plot, or the axis."""
        tones = tones_of(self.app)
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
        """The title, as much of it as the names and the values that are read leave room for."""
        segments = []
        at = self.cursor
        if at is not None:
            start = self._times.start + at * self._step
            dated = self._times.width * len(self._series[0].values) > DATED
            read_at = clock(start, exact=self._times.width < HOUR, dated=dated)
            segments.append(Segment(f"   {read_at} UTC", tones("info")))
            if here := self._marks_at(at):
                more = f" (+{len(here) - 1} more)" if here[1:] else ""
                tone = "bad" if any(each.bad for each in here) else "warn"
                segments.append(Segment(f"   {MARK} {here[0].text}{more}", tones(tone)))
        for series, band in zip(self._series, self._bands, strict=False):
            swatch = "■" if series.fill == "█" else series.fill
            segments.append(Segment(f"   {swatch} ", Style(color=tones.color(series.tone))))
            read = "" if at is None else f" {exact_figure(band[at], self._unit)}"
            segments.append(Segment(series.name, tones("dim")))
            segments.append(Segment(read, tones("")))
        if any(self._gaps):
            segments.append(Segment(f"   {GAP} not recorded", tones("dim")))
        room = self.size.width - 2 - Segment.get_line_length(segments)
        title = self.title if cell_len(self.title) <= room else fit(self.title, room)
        return [Segment(f"  {title}", tones("title")), *segments]

    def _time_axis(self, tones: Tones) -> list[Segment]:
        width = len(self._stacks)
        if not width:
            return []
        cursor = None if self.cursor is None else (self.cursor + 0.5) / len(self._bands[0])
        seconds = self._times.width * len(self._series[0].values)
        marked = marked_columns(self._marks, self._times.start, seconds, width)
        line = without_hidden(time_axis(self._times, seconds, width, cursor=cursor), marked)
        segments, drawn = [Segment(" " * (AXIS + 1))], 0
        for x, tone in sorted(marked.items()):
            # The cursor says that it is at a mark: its own sign stays.
            if line[x : x + 1] != CURSOR:
                segments += [Segment(line[drawn:x], tones("dim")), Segment(MARK, tones(tone))]
                drawn = x + 1
        return [*segments, Segment(line[drawn:], tones("dim"))]

    def _marks_at(self, at: int) -> list[EventMark]:
        """The marks in the time of a value, newest first."""
        start = self._times.start + at * self._step
        return [each for each in self._marks if start <= each.at < start + self._step]

    def _row(self, line: int, lines: int, tones: Tones, base: Style) -> list[Segment]:
        if self._empty:
            said = f"  {nothing(self._gaps)}" if line == (lines - 1) // 2 and self._series else ""
            return [
                Segment(" " * AXIS),
                Segment("│", tones("grid")),
                Segment(said, tones("dim")),
            ]
        label = ""
        if line == 0:
            label = figure(self._top, self._unit)
        elif line == lines - 1:
            label = "0"
        elif lines >= 5 and line == lines // 2 and lines % 2:
            label = figure(self._top / 2, self._unit)
        segments = [
            Segment(f"{label:>{AXIS - 1}} ", tones("dim")),
            Segment("┤" if label else "│", tones("grid")),
        ]
        floor = (lines - 1 - line) * 8
        scale = lines * 8 / self._top
        cursor = tones.background("cursor") if self.cursor is not None else ""
        read, length = self.cursor, len(self._bands[0])
        # A value takes several columns, and neighbours often look the same on a line.
        text, style = "", base
        width = len(self._stacks)
        for at, stack in enumerate(zip(*self._bands, strict=True)):
            cells = -(-(at + 1) * width // length) - -(-at * width // length)
            if not floor and self._gaps[at : at + 1] == [True]:
                glyph, color, over = GAP, tones.color("grid"), ""
            else:
                glyph, color, over = self._cell(stack, floor, scale, tones)
            if at == read:
                over = over or cursor
            drawn = _style(color, over) if color or over else base
            if drawn is not style and text:
                segments.append(Segment(text, style))
                text = ""
            text, style = text + glyph * cells, drawn
        return [*segments, Segment(text, style)]

    def _cell(
        self, stack: Sequence[float], floor: int, scale: float, tones: Tones
    ) -> tuple[str, str, str]:
        """Glyph, its colour and that of its background ('': none)."""
        reached = 0.0
        low: tuple[int, str] | None = None
        for value, series in zip(stack, self._series, strict=True):
            # NaN is not above 0 either.
            if not value > 0:
                continue
            # What is there at all is seen: at least one eighth.
            before, reached = reached, reached + max(value * scale, 1.0)
            filled = round(reached) - floor
            if filled <= 0 or round(before) - floor >= 8:
                continue
            color = tones.color(series.tone)
            if low is None:
                if filled >= 8:
                    return series.fill, color, ""
                low = (filled, color)
            elif series.fill != "█" and low[0] <= 4:
                return series.fill, color, low[1]
            else:
                return EIGHTHS[low[0]], low[1], color
        return (" ", "", "") if low is None else (EIGHTHS[low[0]], low[1], "")


@lru_cache(maxsize=256)
def _style(color: str, over: str) -> Style:
    return Style(color=color or None, bgcolor=over or None)
