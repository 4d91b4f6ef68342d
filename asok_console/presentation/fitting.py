"""Text in an exact number of cells: cut with an ellipsis, or padded."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from asok_console.presentation.names import NARROWEST, cut


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


def wrap_cells(text: str, width: int, *, hanging: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` cells, broken at spaces.

    ``hanging`` begins all lines but the first. The text is safe: it has no control characters.
    """
    if text.isascii():
        return wrap(text, width, subsequent_indent=hanging, break_on_hyphens=False)
    # One character for each cell. One that is broken from its filler takes a cell more.
    filled = "".join(each + _FILLER * (cell_len(each) - 1) for each in text)
    lines = wrap(filled, width - 1, subsequent_indent=hanging, break_on_hyphens=False)
    return [line.replace(_FILLER, "") for line in lines]


_FILLER = "\0"


def fit_middle(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells: what is too much goes from its middle, or padded."""
    size = len(text) if text.isascii() else cell_len(text)
    if size <= width or width < NARROWEST:
        return fit(text, width)
    return cut(text, width, width - 1 - width // 2)
