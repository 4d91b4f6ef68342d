"""Columns of a list: declared once, laid out for any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from asok_console.presentation.fitting import fit, fit_middle
from asok_console.presentation.names import shortened
from asok_console.presentation.tables import NAME_LIMIT
from asok_console.presentation.text import safe

T = TypeVar("T")

GAP = 2
"""Blank cells between two columns."""

LEAST = 8
"""Cells that a text keeps where not even the columns that stay have room."""

CELL_LIMIT = 400
"""Characters of a cell that are read: no terminal is wider in one column."""

Cell = str | tuple[str, str]
"""What a cell shows: a text, or a text and its tone."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column, ``width`` cells wide or more: ``grow`` is its share of what is left over.

    It is never wider than ``most``, since on a wide screen the eye has to find its way to the next.
    Where the screen is too narrow, the column with the highest ``rank`` goes first; rank 0 stays.
    ``cell`` gets a row and the time of the snapshot (epoch seconds), from which ages are calculated.
    """

    title: str
    width: int
    cell: Callable[[T, float], Cell]
    grow: int = 0
    most: int = 100
    right: bool = False
    rank: int = 0
    tail: bool = False
    """Whether a text that is too long loses its beginning instead of its end."""
    wide: int = 0
    """Cells that show the text whole, given where there is much room. With less its first ``width`` cells
    are shown without an ellipsis, as of an id, whose beginning is enough; a name loses its middle."""
    middle: bool = False
    """Whether it loses its middle."""

    @property
    def is_of_names(self) -> bool:
        """Whether its texts are names, which are shortened together so that they stay distinct."""
        return self.middle or self.tail

    def read(self, row: T, now: float) -> tuple[str, str]:
        """The text that a row has in this column, safe for a terminal, and its tone."""
        cell = self.cell(row, now)
        text, tone = cell if isinstance(cell, tuple) else (cell, "")
        return safe(text, NAME_LIMIT if self.is_of_names else CELL_LIMIT), tone


@dataclass(frozen=True, slots=True)
class PlacedColumn(Generic[T]):
    """A column with the width that it got."""

    column: Column[T]
    width: int
    names: AbstractSet[str] = frozenset()
    """The texts of the list in a column of names."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """How those of them are shown that are too long for the width."""

    def naming(self, rows: Iterable[T], now: float) -> PlacedColumn[T]:
        """The column for a list with these rows; itself, if it has the same names."""
        if not self.column.is_of_names:
            return self
        names = {self.column.read(row, now)[0] for row in rows}
        if names == self.names:
            return self
        forms = shortened(names, self.width, tail=self.column.tail)
        return replace(self, names=names, forms=forms)

    def fitted(self, text: str) -> str:
        """A text in the column's width, to its side."""
        text = self.forms.get(text, text)
        if self.column.middle:
            return fit_middle(text, self.width)
        if self.width < self.column.wide:
            text = text[: self.width]
        return fit(text, self.width, right=self.column.right, tail=self.column.tail)


def lay_out(columns: Sequence[Column[T]], width: int) -> tuple[PlacedColumn[T], ...]:
    """Choose the columns that fit ``width`` cells and share out what is left.

    Of those that stay texts are shortened where there is no room, and the last left out: a figure that
    is cut reads as another.
    """
    kept = list(columns)

    def needed() -> int:
        return sum(c.width for c in kept) + GAP * max(len(kept) - 1, 0)

    while needed() > width and any(c.rank for c in kept):
        kept.remove(max(reversed(kept), key=lambda c: c.rank))
    for at in reversed(range(len(kept))):
        if needed() > width and not kept[at].right:
            rest = max(kept[at].width - (needed() - width), min(LEAST, kept[at].width))
            kept[at] = replace(kept[at], width=rest)
    while needed() > width and kept[1:]:
        kept.pop()
    spare = max(width - needed(), 0)
    widths = {}
    for column in kept:
        more = column.wide - column.width
        # The columns that grow get as much again.
        if 0 < more * 2 <= spare:
            widths[id(column)], spare = column.wide, spare - more
    shares = sum(c.grow for c in kept)
    placed: list[PlacedColumn[T]] = []
    for column in kept:
        share = spare * column.grow // shares if column.grow else 0
        extra = min(share, max(column.most - column.width, 0))
        shares -= column.grow
        spare -= extra
        placed.append(PlacedColumn(column, widths.get(id(column), column.width) + extra))
    return tuple(placed)
