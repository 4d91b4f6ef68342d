"""The lines of a list: cursor and mark, then a cell for each column. What was drawn is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from asok_console.tui.theme import Tones
from asok_console.tui.widgets.columns import GAP, Placed
from asok_console.tui.widgets.row_window import T

GUTTER = 2
"""Cells at the left for the glyphs of cursor and mark."""
EDGE = 1
"""Blank cells at the right, between the last column and the border or scrollbar."""


def heading(columns: Sequence[Placed[T]], tones: Tones) -> Iterator[Segment]:
    """The titles of the columns."""
    style = tones("title")
    yield Segment(" " * GUTTER, style)
    for placed in columns:
        yield Segment(placed.fitted(placed.column.title) + " " * GAP, style)


def line(
    columns: Sequence[Placed[T]], row: T, now: float, tones: Tones, *, current: bool, marked: bool
) -> Iterator[Segment]:
    """A row. ``current`` is the cursor's; ``now`` is the time from which ages are told."""
    yield Segment("▸" if current else " ", tones("info"))
    yield Segment("●" if marked else " ", tones("mark"))
    for placed in columns:
        text, tone = placed.column.read(row, now)
        yield Segment(placed.fitted(text), tones(tone))
        yield Segment(" " * GAP)


class Brush(NamedTuple):
    """What all lines of a picture have in common. ``width`` is in cells."""

    tones: Tones
    base: Style
    width: int

    def strip(self, segments: Iterable[Segment], over: Style | None = None) -> Strip:
        """Segments as a line of the whole width, in the style ``over`` the common one."""
        base = self.base + over if over else self.base
        # A Strip for each step (fill up, then colour) would cost more than all that is in it.
        styled = [Segment(text, base + style if style else base) for text, style, _ in segments]
        short = self.width - Segment.get_line_length(styled)
        if short < 0:
            return Strip(styled).adjust_cell_length(self.width)
        return Strip([*styled, Segment(" " * short, base)] if short else styled, self.width)


class Lines:
    """Lines by their position in the list, as they were drawn last.

    A strip remembers how it was cut and written, so one that looks the same is given out again.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[object, Strip]] = {}

    def of(self, position: int, facts: object, draw: Callable[[], Strip]) -> Strip:
        """The line at a position: ``draw`` is called only for other ``facts`` than last time."""
        before, made = self._made.get(position, (None, None))
        if made is not None and facts == before:
            return made
        strip = draw()
        if made is None or strip != made:
            made = strip
        self._made[position] = facts, made
        return made

    def keep(self, positions: range, most: int) -> None:
        """Let all other positions go when there are more than ``most``."""
        if len(self._made) > most:
            self._made = {at: made for at, made in self._made.items() if at in positions}
