"""A line of a list as segments: cursor and mark, then a cell for each column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.segment import Segment

from asok_console.present.text import safe
from asok_console.tui.theme import Tones
from asok_console.tui.widgets.columns import GAP, Placed
from asok_console.tui.widgets.window import T

CELL_LIMIT = 400
"""Characters of a cell that are looked at: no terminal is wider in one column."""
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
        cell = placed.column.cell(row, now)
        text, tone = cell if isinstance(cell, tuple) else (cell, "")
        yield Segment(placed.fitted(safe(text, CELL_LIMIT)), tones(tone))
        yield Segment(" " * GAP)
