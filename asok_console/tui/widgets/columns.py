"""Columns of a list: declared once, laid out for any width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

T = TypeVar("T")

GAP = 2
"""Blank cells between two columns."""

Cell = str | tuple[str, str]
"""What a cell shows: a text, or a text and its tone."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column, ``width`` cells wide or more: ``grow`` is its share of what is left over.

    It takes at ``most`` so many, since on a wide screen the eye has to find its way to the next.
    Where the screen is too narrow, the column with the highest ``rank`` goes first; rank 0 stays.
    ``cell`` gets a row and the time of the snapshot (epoch seconds), from which ages are told.
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
    are shown without an ellipsis, as of an id, whose beginning is enough."""
    middle: bool = False
    """Whether it loses its middle: names that differ at either end stay distinct."""


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A column with the width that it got."""

    column: Column[T]
    width: int

    def fitted(self, text: str) -> str:
        """A text in the column's width, to its side."""
        if self.column.middle:
            return fit_middle(text, self.width)
        if self.width < self.column.wide:
            text = text[: self.width]
        return fit(text, self.width, right=self.column.right, tail=self.column.tail)


def lay_out(columns: Sequence[Column[T]], width: int) -> tuple[Placed[T], ...]:
    """Choose the columns that fit ``width`` cells and share out what is left."""
    kept = list(columns)

    def needed() -> int:
        return sum(c.width for c in kept) + GAP * max(len(kept) - 1, 0)

    while needed() > width and any(c.rank for c in kept):
        kept.remove(max(reversed(kept), key=lambda c: c.rank))
    spare = max(width - needed(), 0)
    widths = {}
    for column in kept:
        more = column.wide - column.width
        # The columns that grow get as much again.
        if 0 < more * 2 <= spare:
            widths[id(column)], spare = column.wide, spare - more
    shares = sum(c.grow for c in kept)
    placed: list[Placed[T]] = []
    for column in kept:
        share = spare * column.grow // shares if column.grow else 0
        extra = min(share, max(column.most - column.width, 0))
        shares -= column.grow
        spare -= extra
        placed.append(Placed(column, widths.get(id(column), column.width) + extra))
    return tuple(placed)


def fit(text: str, width: int, *, right: bool = False, tail: bool = False) -> str:
    """``text`` in exactly ``width`` cells: cut with an ellipsis (``tail``: in front), or padded."""
    if width <= 0:
        return ""
    size = len(text) if text.isascii() else cell_len(text)
    if size > width and tail:
        # No character takes more than two cells, so this never cuts off too many.
        while (over := cell_len(text) - width + 1) > 0:
            text = text[max(over // 2, 1) :]
        return fit("…" + text, width)
    if size > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - size)
    return padding + text if right else text + padding


def fit_middle(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells: what is too much goes from its middle, or padded."""
    size = len(text) if text.isascii() else cell_len(text)
    if size <= width or width < 5:
        return fit(text, width)
    end = width // 2
    back = text[-end:]
    while cell_len(back) > end:
        back = back[1:]
    return set_cell_size(text, width - 1 - cell_len(back)) + "…" + back
