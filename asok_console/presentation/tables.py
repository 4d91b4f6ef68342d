"""Plain aligned tables that fit the terminal: the linear form, for pipes, logs and screen readers."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

GAP = "  "
NAME_LIMIT = 4000
"""Characters of a name that are read: what distinguishes it from others may come late."""
ID_LIMIT = 200
"""Characters of an id that are shown: more than any job has that a worker accepts."""
_NARROWEST = 40


class TextColumn(NamedTuple):
    """One column. ``right`` aligns numbers; ``shrinks`` marks the one that is cut to fit.

    ``names``: its texts are names. They take this many cells at most, and stay distinct where cut.
    ``keeps``: this many cells of each text are never cut.
    """

    title: str
    right: bool = False
    shrinks: bool = False
    names: int = 0
    keeps: int = 0


def id_column(title: str) -> TextColumn:
    """The column of the ids of jobs, operations or workers, which commands accept only whole."""
    return TextColumn(title, keeps=ID_LIMIT)


def table(columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table, its titles first, none wider than ``width`` unless what is kept is.

    Cells must be safe already. What does not fit is cut in the columns that shrink, the widest
    first, then in all.
    """
    natural = [
        max([cells(column.title), *(cells(row[at]) for row in rows)])
        for at, column in enumerate(columns)
    ]
    kept = [min(most, column.keeps) for most, column in zip(natural, columns, strict=True)]
    widths = [
        min(most, column.names or most) for column, most in zip(columns, natural, strict=True)
    ]
    room = width - len(GAP) * (len(columns) - 1)
    _squeeze(widths, [column.shrinks for column in columns], room, kept)
    forms = [
        _forms([row[at] for row in rows], widths[at]) if column.names else {}
        for at, column in enumerate(columns)
    ]
    titles = [column.title for column in columns]
    lines = [[form.get(text, text) for form, text in zip(forms, row, strict=True)] for row in rows]
    return [_line(columns, widths, row) for row in (titles, *lines)]


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def fit(text: str, width: int) -> str:
    """``text``, cut with an ellipsis when it takes more than ``width`` columns."""
    if cells(text) <= width:
        return text
    kept, taken = [], 0
    for character in text:
        taken += _width(character)
        if taken > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def terminal_width(stream: TextIO | None = None) -> int:
    """Columns of the terminal behind ``stream`` (stdout); 100 where there is none."""
    stream = stream or sys.stdout
    fallback = (100, 24)
    if not stream.isatty() and "COLUMNS" not in os.environ:
        return fallback[0]
    return max(shutil.get_terminal_size(fallback).columns, _NARROWEST)


class TextStyles:
    """Bold and dim on a terminal that shows them (no NO_COLOR, no pipe); else plain text."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        self.on = (
            stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def bold(self, text: str) -> str:
        """A heading."""
        return f"\x1b[1m{text}\x1b[0m" if self.on else text

    def dim(self, text: str) -> str:
        """The text beside it."""
        return f"\x1b[2m{text}\x1b[0m" if self.on else text


def _squeeze(widths: list[int], shrinks: Sequence[bool], room: int, kept: Sequence[int]) -> None:
    least = [max(4, each) for each in kept]
    for columns in ([at for at, each in enumerate(shrinks) if each], list(range(len(widths)))):
        while sum(widths) > room:
            candidates = [at for at in columns if widths[at] > least[at]]
            if not candidates:
                break
            widest = max(candidates, key=lambda at: widths[at])
            others = [widths[at] for at in candidates if at != widest]
            # Down to the next widest at once, or by what is missing.
            step = max(1, min(sum(widths) - room, widths[widest] - max(others, default=0)))
            widths[widest] = max(least[widest], widths[widest] - step)


def _forms(names: Sequence[str], width: int) -> Mapping[str, str]:
    if all(cells(name) <= width for name in names):
        return {}
    # Rich is loaded where it is needed: a command is over soon.
    from asok_console.presentation.names import shortened

    return shortened(names, width)


def _line(columns: Sequence[TextColumn], widths: Sequence[int], row: Sequence[str]) -> str:
    parts = []
    for column, width, text in zip(columns, widths, row, strict=True):
        cut = fit(text, width)
        space = " " * (width - cells(cut))
        parts.append(space + cut if column.right else cut + space)
    return GAP.join(parts).rstrip()


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
