"""Names that are too long for their column, shortened so that they stay distinct.

A name by itself does not show which part of it matters: ``queue-280-of-the-eu-west`` and
``queue-281-of-the-eu-west`` look the same without their beginning, others without their end.
So all the names of a column are shortened together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from rich.cells import cell_len, set_cell_size

NARROWEST = 5
"""Cells below which a name is cut at its end, as there is no room for two parts of it."""


def shortened(texts: Iterable[str], width: int, *, tail: bool = False) -> dict[str, str]:
    """Forms, ``width`` cells wide, of the texts that are wider. They differ wherever the texts do.

    All lose the same part if that keeps them distinct: their middle (``tail``: their beginning), or
    else the nearest part. Texts that no single cut distinguishes are shown from where they first
    differ, and those that look the same even then get a number.
    """
    unique = set(texts)
    long = sorted(text for text in unique if cell_len(text) > width)
    if not long or width < NARROWEST:
        return {}
    whole = {set_cell_size(text, width) for text in unique.difference(long)}
    forms = _cut_alike(long, whole, width, 0 if tail else width - 1 - width // 2)
    for alike in _ambiguous(forms, whole):
        forms.update(_from_difference(alike, width))
    for alike in _ambiguous(forms, whole):
        forms.update(_numbered(alike, whole.union(forms.values()), width))
    return forms


def cut(text: str, width: int, front: int) -> str:
    """``text`` in ``width`` cells: ``front`` cells of its beginning, an ellipsis, and its end."""
    room = width - 1 - front
    if text.isascii():
        return f"{text[:front]}…{text[len(text) - room :]}"
    back = text[max(len(text) - room, 0) :]
    while cell_len(back) > room:
        back = back[1:]
    # A character of two cells may leave one free.
    return set_cell_size(text, width - 1 - cell_len(back)) + "…" + back


def _cut_alike(long: list[str], whole: set[str], width: int, usual: int) -> dict[str, str]:
    best: dict[str, str] = {}
    most = -1
    for front in sorted(range(width), key=lambda each: abs(each - usual)):
        forms = {text: cut(text, width, front) for text in long}
        distinct = len(set(forms.values()).difference(whole))
        if distinct > most:
            best, most = forms, distinct
        if most == len(long):
            break
    return best


def _ambiguous(forms: Mapping[str, str], whole: set[str]) -> list[list[str]]:
    """The texts that look like another one, together with those that they look like."""
    texts = defaultdict(list)
    for text, form in forms.items():
        texts[form].append(text)
    return [alike for form, alike in texts.items() if len(alike) > 1 or form in whole]


def _from_difference(alike: list[str], width: int) -> dict[str, str]:
    first, last = min(alike), max(alike)
    pairs = zip(first, last, strict=False)
    differs = next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))
    # With this many characters before it, even of two cells each, there is room for the one that differs.
    start = differs - (width - 4) // 2
    forms = {}
    for text in alike:
        form = "…" + text[start:] if start > 1 else text
        forms[text] = set_cell_size(form, width - 1) + "…" if cell_len(form) > width else form
    for nearer in _ambiguous(forms, set()):
        if len(nearer) < len(alike):
            forms.update(_from_difference(nearer, width))
    return {text: set_cell_size(form, width) for text, form in forms.items()}


def _numbered(alike: list[str], taken: set[str], width: int) -> dict[str, str]:
    forms: dict[str, str] = {}
    number = 0
    for text in alike:
        form = ""
        while not form or form in taken:
            number += 1
            mark = f"…#{number}"
            form = set_cell_size(text, width - len(mark)) + mark
        forms[text] = form
    return forms
