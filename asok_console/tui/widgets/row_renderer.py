"""The lines of a list: cursor and mark, then a cell for each column. Drawn lines are cached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from asok_console.tui.theme import Tones
from asok_console.tui.widgets.columns import GAP, Column, PlacedColumn, lay_out
from asok_console.tui.widgets.row_window import T

GUTTER = 2
"""Cells at the left for the glyphs of cursor and mark."""
EDGE = 1
"""Blank cells at the right, between the last column and the border or scrollbar."""
HEADING = -1
"""The position under which the heading is cached."""


class RenderContext(NamedTuple):
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


class LineCache:
    """Lines by their position in the list, as they were drawn last.

    A strip remembers how it was cut and written, so one that looks the same is returned again.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[object, Strip]] = {}

    def get(self, position: int, facts: object, draw: Callable[[], Strip]) -> Strip:
        """The line at a position: ``draw`` is called only for other ``facts`` than last time."""
        before, made = self._made.get(position, (None, None))
        if made is not None and facts == before:
            return made
        strip = draw()
        if made is None or strip != made:
            made = strip
        self._made[position] = facts, made
        return made

    def limit(self, positions: range, most: int) -> None:
        """Drop all lines outside ``positions`` when there are more than ``most``."""
        if len(self._made) > most:
            self._made = {at: made for at, made in self._made.items() if at in positions}


class RowRenderer(Generic[T]):
    """Draws rows in columns that are laid out for the width of the list."""

    def __init__(self, columns: Sequence[Column[T]]) -> None:
        self._columns = tuple(columns)
        self.width = 0
        self.placed: tuple[PlacedColumn[T], ...] = ()
        """The columns that have room."""
        self.cache = LineCache()

    def show_columns(self, columns: Sequence[Column[T]]) -> None:
        """Draw other columns, in the same width."""
        self._columns = tuple(columns)
        self.lay_out(self.width)

    @property
    def titles(self) -> list[str]:
        """The titles of all columns, with room or without."""
        return [column.title for column in self._columns]

    def lay_out(self, width: int) -> None:
        """Choose the columns for a width in cells."""
        self.width = width
        self.placed = lay_out(self._columns, max(width - GUTTER - EDGE, 1))

    def shorten_names(self, rows: Sequence[T], now: float) -> None:
        """Shorten the names of these rows, so that they stay distinct."""
        placed = tuple(each.naming(rows, now) for each in self.placed)
        if any(new is not old for new, old in zip(placed, self.placed, strict=True)):
            self.placed = placed

    def title_at(self, x: int) -> str | None:
        """The title of the column at a cell."""
        end = GUTTER
        for placed in self.placed:
            end += placed.width + GAP
            if x < end:
                return placed.column.title
        return None

    def heading(self, brush: RenderContext) -> Strip:
        """The titles of the columns."""
        return self.cache.get(
            HEADING, (brush, self.placed), lambda: brush.strip(self._titles(brush.tones))
        )

    def row(
        self,
        position: int,
        row: T,
        now: float,
        brush: RenderContext,
        *,
        over: Style | None,
        marked: bool,
    ) -> Strip:
        """A row. ``over`` is the style of the cursor's row; ages are those at ``now``."""
        return self.cache.get(
            position,
            (now, marked, over, brush, self.placed, row),
            lambda: brush.strip(
                self._cells(row, now, brush.tones, current=over is not None, marked=marked), over
            ),
        )

    def text(self, position: int, text: str, tone: str, brush: RenderContext) -> Strip:
        """A line without a row."""
        return self.cache.get(
            position,
            (brush, text, tone),
            lambda: brush.strip([Segment(text, brush.tones(tone))] if text else []),
        )

    def _titles(self, tones: Tones) -> Iterator[Segment]:
        style = tones("title")
        yield Segment(" " * GUTTER, style)
        for placed in self.placed:
            yield Segment(placed.fitted(placed.column.title) + " " * GAP, style)

    def _cells(
        self, row: T, now: float, tones: Tones, *, current: bool, marked: bool
    ) -> Iterator[Segment]:
        yield Segment("▸" if current else " ", tones("info"))
        yield Segment("●" if marked else " ", tones("mark"))
        for placed in self.placed:
            text, tone = placed.column.read(row, now)
            yield Segment(placed.fitted(text), tones(tone))
            yield Segment(" " * GAP)
